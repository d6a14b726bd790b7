"""Scenario documents to `Scenario`: every part checked, alone and against the others."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

import playbooks as shipped_playbooks
from controller.errors import BadInput
from controller.settings import Settings
from simulator.faults.fault import Fault
from simulator.scenario.document import Source, document_from_text, read_document
from simulator.scenario.expecting import expectations
from simulator.scenario.fault_schema import fault_of
from simulator.scenario.model import Command, Deploy, Scenario
from simulator.scenario.refusal import refusal
from simulator.scenario.schema import Document
from simulator.scenario.world_schema import world_of

_SHIPPED = Path(shipped_playbooks.__file__).parent
PLAYBOOKS: Mapping[str, Path] = {
    "shipped": _SHIPPED,
    "demo": _SHIPPED / "demo",
    "brisk": Path(__file__).parent.parent / "scenarios" / "brisk",
}
"""Names for folders that come with the program."""
_NOT_HERE = {
    "playbooks": "give `playbooks:` beside `settings:`",
    "data_dir": "a simulation keeps its files where `--log` says",
    "endpoints": "a simulation reaches nothing outside itself",
    "faults_enabled": "faults of a simulation stand under `faults:`",
    "broker_memory_mb": "the bus of a simulation is in memory",
    "hedge": "requests of a simulation wait for the arm drawn until its deadline",
}


def scenario_from_file(path: Path, *, playbooks: Path | None = None) -> Scenario:
    """Read and check; ``playbooks`` replaces the folder it names. Raise BadInput."""
    document, source = read_document(path)
    return scenario_from_document(
        document, source=source, folder=path.resolve().parent, playbooks=playbooks
    )


def scenario_from_text(text: str, folder: Path | None = None) -> Scenario:
    """The same of YAML that stands in no file."""
    document, source = document_from_text(text)
    return scenario_from_document(document, source=source, folder=folder)


def scenario_from_document(
    document: dict[str, Any],
    *,
    source: Source | None = None,
    folder: Path | None = None,
    playbooks: Path | None = None,
) -> Scenario:
    """Check plain data. Relative paths start at ``folder`` (here, when None). Raise BadInput.

    Paths in the result's ``document`` are absolute, so it means the same anywhere.
    """
    source, folder = source or Source(), folder or Path.cwd()
    try:
        read = Document.model_validate(document)
    except ValidationError as error:
        raise refusal(error, Document, source) from None
    document = _with_absolute_paths(document, read, folder, playbooks)
    settings = _settings(read, document, source)
    world = world_of(read, settings, folder, source)
    faults = _faults(read, settings, source)
    return Scenario(
        name=read.scenario,
        why=read.why,
        duration_s=read.duration,
        settings=settings,
        world=world,
        faults=faults,
        commands=_commands(read, source),
        deploys=_deploys(read, faults, source),
        expectations=expectations(read, faults, settings, source),
        document=document,
    )


def _with_absolute_paths(
    document: dict[str, Any], read: Document, folder: Path, playbooks: Path | None
) -> dict[str, Any]:
    changed = dict(document)
    if playbooks is not None:
        if not any(playbooks.glob("*.yaml")):
            what = f"no playbook in {playbooks}; accepted: a folder with at least one playbook"
            raise BadInput(what, field="--playbooks")
        changed["playbooks"] = str(playbooks.resolve())
    elif read.playbooks not in PLAYBOOKS:
        changed["playbooks"] = str((folder / read.playbooks).resolve())
    if read.users.ratings is not None:
        ratings = str((folder / read.users.ratings).resolve())
        changed["users"] = {**document["users"], "ratings": ratings}
    return changed


def _settings(read: Document, document: Mapping[str, Any], source: Source) -> Settings:
    for field, instead in _NOT_HERE.items():
        if field in read.settings:
            raise source.refusal(("settings", field), f"has no meaning here; {instead}")
    named = document.get("playbooks", read.playbooks)
    folder = PLAYBOOKS.get(named, Path(named))
    if not folder.is_dir():
        what = f"no such folder: {folder}; accepted: {', '.join(PLAYBOOKS)} or a folder"
        raise source.refusal(("playbooks",), what)
    try:
        return Settings.model_validate({**read.settings, "playbooks": folder})
    except ValidationError as error:
        found = refusal(error, Settings, Source())
        where = ("settings", *error.errors()[0]["loc"])
        raise source.refusal(tuple(p for p in where if p != "[key]"), found.what) from None


def _faults(read: Document, settings: Settings, source: Source) -> tuple[Fault, ...]:
    """In the order of the file."""
    faults: list[Fault] = []
    for place, entry in enumerate(read.faults):
        name, parameters = entry.chosen
        fault, where = fault_of(name, parameters), ("faults", place, name)
        _check_targets(fault, settings, where, source)
        if fault.off_s >= read.duration:
            what = f"is on until {fault.off_s:g} s; accepted: over before the run is, after "
            raise source.refusal(where, f"{what}{read.duration:g} s")
        for number, other in enumerate(faults, 1):
            if other.subject == fault.subject and _overlap(other, fault):
                what = f"overlaps fault {number} ({other.name}), which has hold of the same: "
                raise source.refusal(where, f"{what}{fault.subject}; accepted: one at a time")
        faults.append(fault)
    return tuple(faults)


def _check_targets(
    fault: Fault, settings: Settings, where: tuple[str | int, ...], source: Source
) -> None:
    for field, known in (("arm", settings.arms), ("group", settings.feature_groups)):
        target = getattr(fault, field, None)
        if target is not None and target not in known:
            what = f"is {target!r}; accepted: {', '.join(known)}"
            raise source.refusal((*where, field), what)
    for column, value in getattr(fault, "where", ()):
        if column not in settings.segments:
            what = f"names {column!r}; accepted: {', '.join(settings.segments)}"
            raise source.refusal((*where, "where"), what)
        if value not in settings.segments[column]:
            what = f"is {value!r}; accepted: {', '.join(settings.segments[column])}"
            raise source.refusal((*where, "where", column), what)
    arm = getattr(fault, "arm", None)
    if arm is not None and settings.arms[arm].in_process:
        behind = ", ".join(name for name, each in settings.arms.items() if not each.in_process)
        what = f"{arm} answers inside the router's process, which no fault reaches; accepted: "
        raise source.refusal((*where, "arm"), what + behind)


def _overlap(one: Fault, other: Fault) -> bool:
    return one.at_s < other.off_s and other.at_s < one.off_s


def _commands(read: Document, source: Source) -> tuple[Command, ...]:
    for place, entry in enumerate(read.commands):
        _check_moment(("commands", place, "at"), entry.at, read.duration, source)
    return tuple(Command(e.at, e.verb, e.target, e.who) for e in read.commands)


def _deploys(read: Document, faults: tuple[Fault, ...], source: Source) -> tuple[Deploy, ...]:
    """Those of the file, and what faults announce."""
    for place, entry in enumerate(read.deploys):
        _check_moment(("deploys", place, "at"), entry.at, read.duration, source)
    deploys = [Deploy(e.at, e.kind, e.what, e.who) for e in read.deploys]
    deploys += [Deploy(f.at_s, "deploy", f.announcement()) for f in faults if f.announcement()]
    return tuple(sorted(deploys, key=lambda deploy: deploy.at_s))


def _check_moment(
    where: tuple[str | int, ...], at_s: float, duration_s: float, source: Source
) -> None:
    if at_s >= duration_s:
        what = f"is {at_s:g} s; accepted: before the end of the run, after {duration_s:g} s"
        raise source.refusal(where, what)
