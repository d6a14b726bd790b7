"""The scenarios that come with the program, by name."""

from __future__ import annotations

from pathlib import Path

import simulator.scenarios as folder
from controller.errors import BadInput
from controller.language.fields import suggestion
from simulator.scenario.document import read_document

SUFFIX = ".yaml"


def shipped() -> dict[str, Path]:
    """Name to file, sorted."""
    found = Path(folder.__file__).parent.glob(f"*{SUFFIX}")
    return {path.stem: path for path in sorted(found)}


def whys() -> dict[str, str]:
    """Name to what it is for. Nothing else of the files is checked."""
    return {name: str(read_document(path)[0]["why"]) for name, path in shipped().items()}


def find_scenario(name_or_path: str) -> Path:
    """A shipped name, or a file. Raise BadInput."""
    known = shipped()
    if name_or_path in known:
        return known[name_or_path]
    path = Path(name_or_path)
    if path.is_file():
        return path
    if path.is_dir():
        raise BadInput("is a folder; accepted: a scenario file in YAML", file=name_or_path)
    if path.suffix or path.parent != Path():
        raise BadInput("no such file; accepted: a scenario in YAML", file=name_or_path)
    what = f"unknown scenario {name_or_path!r}; {suggestion(name_or_path, list(known))}, or a file"
    raise BadInput(what, field="SCENARIO")
