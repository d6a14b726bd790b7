"""The layout is the architecture: imports point one way, and what is called pure is pure."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("selfright", "simulator", "serving", "models", "controller", "playbooks")

# Without I/O, clock, randomness or hashing; a new name here needs that argument made.
PURE_STANDARD_LIBRARY = {
    "__future__",
    "array",
    "bisect",
    "collections",
    "copy",
    "dataclasses",
    "enum",
    "functools",
    "heapq",
    "itertools",
    "json",
    "math",
    "operator",
    "re",
    "string",
    "types",
    "typing",
}
# Request ids and keyed user ids are hashes by contract; bytes in, bytes out.
ROUTING_EXTRA = {"hashlib", "hmac", "struct"}
# A snapshot is bytes in memory; names of many features are folded into one hash.
SNAPSHOTS = {"hashlib", "io", "zipfile"}
# Names of random streams are hashed to seeds; a ratings file is read; records are hashed again.
WORLD_EXTRA = {"csv", "hashlib", "pathlib"}
NUMERIC = {"numpy", "pyarrow", "scipy", "river", "sklearn"}


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(*PACKAGES, include_external_packages=True, cache_dir=None)


def _foreign_imports(graph: grimp.ImportGraph, package: str, inside: tuple[str, ...]) -> set[str]:
    modules = {package} | graph.find_descendants(package)
    found = {
        (module, imported)
        for module in modules
        for imported in graph.find_modules_directly_imported_by(module)
        if not any(imported == name or imported.startswith(name + ".") for name in inside)
    }
    return {f"{module} -> {imported}" for module, imported in found}


def _outside(imports: set[str], allowed: set[str]) -> list[str]:
    return sorted(i for i in imports if i.split(" -> ")[1].split(".")[0] not in allowed)


def test_import_contracts_hold() -> None:
    result = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_core_imports_only_the_pure_standard_library(graph: grimp.ImportGraph) -> None:
    imports = _foreign_imports(graph, "controller.core", ("controller.core",))
    assert _outside(imports, PURE_STANDARD_LIBRARY) == []


def test_statistics_imports_only_numbers(graph: grimp.ImportGraph) -> None:
    imports = _foreign_imports(graph, "controller.statistics", ("controller.statistics",))
    assert _outside(imports, PURE_STANDARD_LIBRARY | NUMERIC) == []


def test_monitors_import_only_pure_parts(graph: grimp.ImportGraph) -> None:
    inside = (
        "controller.monitors",
        "controller.statistics",
        "controller.core",
        "controller.telemetry",
        "controller.settings",
    )
    imports = _foreign_imports(graph, "controller.monitors", inside)
    assert _outside(imports, PURE_STANDARD_LIBRARY | NUMERIC | SNAPSHOTS) == []


def test_routing_imports_only_the_pure_standard_library_and_the_plan(
    graph: grimp.ImportGraph,
) -> None:
    imports = _foreign_imports(graph, "serving.routing", ("serving.routing", "controller.core"))
    assert _outside(imports, PURE_STANDARD_LIBRARY | ROUTING_EXTRA) == []


def test_of_serving_the_simulator_knows_only_routing(graph: grimp.ImportGraph) -> None:
    imports = _foreign_imports(graph, "simulator", ("simulator", "serving.routing"))
    assert [i for i in imports if "-> serving" in i] == []


@pytest.mark.parametrize(
    "package",
    ["kernel", "spec", "splitmix", "visits", "population", "world", "faults", "invariants"],
)
def test_the_virtual_world_has_no_clock_and_no_chance_of_its_own(
    graph: grimp.ImportGraph, package: str
) -> None:
    inside = ("simulator", "controller", "serving.routing")
    imports = _foreign_imports(graph, f"simulator.{package}", inside)
    assert _outside(imports, PURE_STANDARD_LIBRARY | NUMERIC | WORLD_EXTRA) == []


def test_invariants_know_nothing_of_what_they_judge(graph: grimp.ImportGraph) -> None:
    judged = ("controller.shell", "controller.adapters", "controller.language", "serving")
    readings = {"controller.core.readings"}
    imports = {
        i.split(" -> ")[1]
        for i in _foreign_imports(graph, "simulator.invariants", ("simulator.invariants",))
    }
    assert [name for name in imports if name.startswith(judged)] == []
    assert {name for name in imports if name.startswith("controller.core")} <= readings


def test_nothing_purports_to_be_safe_and_pickles(graph: grimp.ImportGraph) -> None:
    banned = {"pickle", "cloudpickle", "joblib", "marshal", "shelve", "dill"}
    picklers = {
        f"{module} -> {name}"
        for name in banned & graph.modules
        for module in graph.find_modules_that_directly_import(name)
    }
    assert picklers == set()


def test_every_top_folder_is_placed_in_the_contracts() -> None:
    folders = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert folders - {"benchmarks"} == set(PACKAGES)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_explains_itself(package: str) -> None:
    init = (ROOT / package / "__init__.py").read_text(encoding="utf-8")
    assert init.startswith('"""')
    assert (ROOT / package / "README.md").exists()
