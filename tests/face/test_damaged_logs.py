"""However a decision log or a journal is damaged: one line that says where, or what is whole.

The log and the journals are true ones, of a story that a real controller lived through.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from controller.adapters.log_archive import LogArchive
from controller.settings import Endpoints, Settings
from selfright import decisions_command, replay_command
from selfright.moments import local_iso
from selfright.running_stack import write_run_settings
from tests.examples import examples
from tests.shell.conftest import START_S, World

app = typer.Typer()
app.add_typer(decisions_command.app, name="decisions")
replay_command.register(app)

law_settings = settings(
    max_examples=examples(12),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    database=None,
)
ODD: tuple[Any, ...] = (
    *(None, True, 0, -1, 1.5, 1e300, 10**400, float("nan"), float("inf"), 1 << 63),
    *("", "abc", "\x1b[31m[/bold]", "\udc80", [], [1], ["a"], [[]], {}, {"a": 1}, [{}]),
)


@dataclass(frozen=True)
class Told:
    """A stack that has ended: its data folder, its log, and a moment of its story."""

    folder: Path
    lines: tuple[bytes, ...]
    at: str


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    world = World(tmp_path_factory.mktemp("told"))
    shell = world.controller()
    world.run(shell, until_s=40)
    world.command("freeze-1", "freeze", "all")
    world.slow_s = (44.0, 60.0)
    world.run(shell, until_s=56)
    shell.close()
    folder = world.folder / "a"
    endpoints = Endpoints(redis="redis://127.0.0.1:1/0", kafka="127.0.0.1:1")
    write_run_settings(Settings(service="shop", data_dir=folder, endpoints=endpoints))
    return Told(folder, tuple(world.log()), local_iso(START_S + 9.0))


def run(*words: str) -> Result:
    """A command in this process. What it says is of one shape, and it never leaves a trace."""
    result = CliRunner(env={"COLUMNS": "200"}).invoke(app, words)
    assert result.exception is None or isinstance(result.exception, SystemExit), words
    assert result.exit_code in (0, 1, 2)
    said = [line for line in result.stderr.splitlines() if " a torn last line of " not in line]
    assert len(said) == (result.exit_code == 2), result.stderr
    assert all(line.startswith("selfright: ") for line in said)
    assert "\x1b" not in result.stdout + result.stderr
    return result


def read_in_every_way(path: Path, told: Told) -> dict[str, Result]:
    out = str(path.with_suffix(".out"))
    name = json.loads(told.lines[2])["id"]
    source = ("--source", str(path), "--data-dir", str(told.folder))
    return {
        "list": run("decisions", "list", *source),
        "list of an arm": run("decisions", "list", "--arm", "primary", "--json", *source),
        "show": run("decisions", "show", name, *source),
        "export": run("decisions", "export", "-o", out, "--format", "jsonl", *source),
        "table": run("decisions", "export", "-o", out, "--format", "parquet", *source),
        "replay": run(
            "replay", str(told.folder / "journal"), "--against", str(path), "--data-dir", "none"
        ),
        "verify": run("decisions", "verify", *source),
    }


READERS = ("list", "list of an arm", "export", "table", "replay")
"""All but those that seek one record, or say themselves what is broken."""


def written(lines: list[bytes], tmp_path: Path) -> Path:
    path = tmp_path / "given.jsonl"
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def refused_by_all(found: dict[str, Result], path: Path, number: int, field: str = "") -> None:
    for reader in READERS:
        said = found[reader].stderr
        assert found[reader].exit_code == 2, f"{reader} took it: {found[reader].output}"
        assert f"{path}:{number}: {field}" in said
        assert "accepted: " in said
    assert found["verify"].exit_code == 1


def test_a_true_log_is_read_in_every_way(told: Told, tmp_path: Path) -> None:
    found = read_in_every_way(written(list(told.lines), tmp_path), told)
    assert {name: result.exit_code for name, result in found.items()} == dict.fromkeys(found, 0)


@pytest.mark.parametrize("line", [b"", b"3", b"[]", b'{"a":1}', b"{", b"\xff", b"[" * 5_000])
def test_what_is_no_record_is_refused_by_all_that_read_it(
    line: bytes, told: Told, tmp_path: Path
) -> None:
    path = written([*told.lines[:2], line, *told.lines[2:]], tmp_path)
    refused_by_all(read_in_every_way(path, told), path, 3)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("at_s", "abc"), ("at_s", 1e300), ("at_s", -1.0), ("at_s", True), ("at_s", 10**400)),
        *(("conditions", "zz"), ("details", [1]), ("phase", {"a": 1}), ("phase", None)),
        *(("sentence", None), ("incident", 7), ("epoch", 1.5), ("revision", 1 << 63)),
        *(("claims_after", [{}]), ("hash", "abc"), ("id", None), ("enforced", "yes")),
        *(("details", {"causes": [{}]}), ("details", {"moves": [1]})),
    ],
    ids=str,
)
def test_a_field_of_another_shape_is_named(
    field: str, value: Any, told: Told, tmp_path: Path
) -> None:
    lines = list(told.lines)
    lines[3] = json.dumps(json.loads(lines[3]) | {field: value}).encode()
    path = written(lines, tmp_path)
    refused_by_all(read_in_every_way(path, told), path, 4, field)


def test_a_key_said_twice_is_no_record(told: Told, tmp_path: Path) -> None:
    lines = list(told.lines)
    lines[0] = b'{"phase":"opened",' + lines[0][1:]
    path = written(lines, tmp_path)
    refused_by_all(read_in_every_way(path, told), path, 1)


def test_a_torn_last_line_is_said(told: Told, tmp_path: Path) -> None:
    path = written(list(told.lines), tmp_path)
    path.write_bytes(path.read_bytes()[:-9])
    found = read_in_every_way(path, told)
    for reader in READERS:
        assert "a torn last line of" in found[reader].stderr


def places(value: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where something stands in a document, nested parts included."""
    if at:
        yield at
    if isinstance(value, dict | list):
        for name, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(each, (*at, name))


def changed(document: Any, at: tuple[str | int, ...], how: Any) -> Any:
    """A copy with what stands at ``at`` replaced, or without it when ``how`` is Ellipsis."""
    found = json.loads(json.dumps(document))
    holder = found
    for name in at[:-1]:
        holder = holder[name]
    if how is ...:
        del holder[at[-1]]
    else:
        holder[at[-1]] = how
    return found


@st.composite
def damages(draw: st.DrawFn, lines: tuple[bytes, ...]) -> list[bytes]:
    """A true log with something dropped, repeated, cut, flipped, retyped or put elsewhere."""
    found = list(lines)
    at = draw(st.integers(0, len(found) - 1))
    kind = draw(st.sampled_from(["retype", "retype", "drop key", "flip", "cut", "lines"]))
    if kind in ("retype", "drop key"):
        document = json.loads(found[at])
        place = draw(st.sampled_from(list(places(document))))
        how = draw(st.sampled_from(ODD)) if kind == "retype" else ...
        found[at] = json.dumps(changed(document, place, how)).encode()
    elif kind == "flip":
        byte = draw(st.integers(0, len(found[at]) - 1))
        put = draw(st.binary(max_size=3))
        found[at] = found[at][:byte] + put + found[at][byte + draw(st.integers(0, 3)) :]
    elif kind == "cut":
        found[at] = found[at][: draw(st.integers(0, len(found[at]) - 1))]
    elif draw(st.booleans()):
        found.insert(draw(st.integers(0, len(found))), found[at])
    else:
        del found[at]
    return found


KINDS = {bool: "truth", int: "number", float: "number", str: "text", list: "list", dict: "mapping"}
NULLABLE = {"incident", "playbook", "playbook_sha256", "expected", "command_id"}


def is_plainly_no_record(line: bytes, like: bytes) -> bool:
    """No object, or at its top a key is missing or has a value of another kind."""
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):
        return True
    if not isinstance(document, dict):
        return True
    truth = json.loads(like)

    def fits(name: str) -> bool:
        if name not in document:
            return False
        found, true = document[name], truth[name]
        kinds = {KINDS.get(type(true), "text")} | ({None} if name in NULLABLE else set())
        return KINDS.get(type(found)) in kinds

    return not all(map(fits, truth))


def test_no_damage_leaves_a_trace_or_is_taken_for_a_record(told: Told, tmp_path: Path) -> None:
    @law_settings
    @given(damages(told.lines))
    def law(lines: list[bytes]) -> None:
        path = written(lines, tmp_path)
        found = read_in_every_way(path, told)
        codes = {reader: found[reader].exit_code == 2 for reader in READERS}
        assert len(set(codes.values())) == 1, codes
        stored = path.read_bytes().splitlines()
        if any(is_plainly_no_record(line, told.lines[0]) for line in stored):
            assert found["list"].exit_code == 2
        if stored[: len(told.lines)] != list(told.lines)[: len(stored)]:
            assert found["verify"].exit_code == 1
        if not codes["list"]:
            assert found["export"].output.startswith(f"{len(stored)} records")

    law()


@st.composite
def mangled(draw: st.DrawFn, content: bytes) -> bytes:
    """A file with some bytes replaced, cut out, put in, or its end gone."""
    at = draw(st.integers(0, len(content)))
    end = draw(st.sampled_from([at, at + 1, at + 4, at + 400, len(content)]))
    return content[:at] + draw(st.binary(max_size=4)) + content[end:]


def test_a_frame_that_unpacks_to_more_than_it_says_is_not_whole(told: Told, tmp_path: Path) -> None:
    (true,) = (told.folder / "journal").iterdir()
    content = bytearray(true.read_bytes())
    content[8:10] = b"\x01\x00"  # of the first frame: its length, its checksum, its unpacked size
    damaged = tmp_path / true.name
    damaged.write_bytes(content)
    assert "no whole first frame" in run("replay", str(damaged), "--against", "x").stderr


def test_a_damaged_journal_is_refused_or_cut(told: Told, tmp_path: Path) -> None:
    (true,) = (told.folder / "journal").iterdir()
    folder = tmp_path / "journal"
    folder.mkdir()
    log = written(list(told.lines), tmp_path)

    @law_settings
    @given(mangled(true.read_bytes()))
    def law(content: bytes) -> None:
        (folder / true.name).write_bytes(content)
        words = ("--journal", str(folder), "--data-dir", str(told.folder))
        run("decisions", "explain", "--at", told.at, *words)
        run("decisions", "explain", "--at", told.at, "--json", *words)
        run("replay", str(folder), "--against", str(log))

    law()


@pytest.mark.parametrize("name", ["records.jsonl", "stored.json", "archive"])
def test_a_damaged_copy_is_refused_or_said(name: str, told: Told, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(told.folder, copy)
    damaged = copy / "decisions" / name
    if name == "archive":
        LogArchive(damaged).add(told.lines[:4])
        (copy / "decisions" / "records.jsonl").write_bytes(b"\n".join(told.lines[4:]) + b"\n")
        (damaged,) = damaged.iterdir()
    where = ("--source", "disk", "--data-dir", str(copy))
    assert run("decisions", "verify", *where).exit_code == 0

    @law_settings
    @given(mangled(damaged.read_bytes()))
    def law(content: bytes) -> None:
        damaged.write_bytes(content)
        for words in (
            ("list",),
            ("verify",),
            ("show", "1"),
            ("export", "-o", str(tmp_path / "o.parquet")),
        ):
            run("decisions", *words, *where)
        run("replay", str(told.folder / "journal"), "--data-dir", str(copy))

    law()
