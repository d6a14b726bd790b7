"""What a scenario expects, checked against its faults, its playbooks and its length."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controller.core.playbook import Playbook
from controller.language.action_facts import ACTION_FACTS
from controller.language.loading import load_playbooks
from controller.monitors.layers import catalogue_of
from controller.settings import Settings
from simulator.faults.fault import Fault
from simulator.scenario.document import Location, Source
from simulator.scenario.model import Acts, Expectation, Explains, Quiet, Recovers, Serves
from simulator.scenario.schema import ActsEntry, Document


def expectations(
    read: Document, faults: tuple[Fault, ...], settings: Settings, source: Source
) -> tuple[Expectation, ...]:
    """In the order of the file. Raise BadInput for one that could never be met."""
    playbooks = {
        p.name: p for p in load_playbooks(settings.playbooks, settings, catalogue_of(settings))
    }
    found: list[Expectation] = []
    for place, entry in enumerate(read.expect):
        kind, said = entry.chosen
        where: Location = ("expect", place, kind)
        match kind:
            case "acts":
                found.append(_acts(said, faults, playbooks, read.duration, where, source))
            case "explains":
                found.append(Explains(said.by))
            case "recovers":
                last_s = max((fault.off_s for fault in faults), default=0.0)
                _check_end((*where, "within"), last_s + said.within, read.duration, source)
                found.append(Recovers(said.within))
            case "quiet":
                for at, name in enumerate(said.except_for):
                    _check_playbook((*where, "except_for", at), name, playbooks, source)
                found.append(Quiet(tuple(said.except_for)))
            case "serves":
                found.append(Serves(said.at_least))
    return tuple(found)


def _acts(
    said: ActsEntry,
    faults: tuple[Fault, ...],
    playbooks: Mapping[str, Playbook],
    duration_s: float,
    where: Location,
    source: Source,
) -> Acts:
    _check_playbook((*where, "playbook"), said.playbook, playbooks, source)
    can = _actions(playbooks[said.playbook])
    if said.action not in can:
        what = f"is {said.action!r}; accepted, by what {said.playbook} does: {', '.join(can)}"
        raise source.refusal((*where, "action"), what)
    number: Any = said.of
    if number > len(faults):
        there = f"1 to {len(faults)}" if faults else "none, there are no faults"
        raise source.refusal((*where, "of"), f"there is no fault {number}; accepted: {there}")
    fault = faults[number - 1]
    _check_end((*where, "within"), fault.at_s + said.within, duration_s, source)
    return Acts(said.playbook, said.action, number, said.within, said.shadow)


def _actions(playbook: Playbook) -> list[str]:
    kinds = [ACTION_FACTS[type(move.action)].name for rung in playbook.rungs for move in rung]
    return list(dict.fromkeys(kinds))


def _check_playbook(
    where: Location, name: str, playbooks: Mapping[str, Playbook], source: Source
) -> None:
    if name not in playbooks:
        what = f"there is no playbook {name!r}; accepted: {', '.join(playbooks)}"
        raise source.refusal(where, what)


def _check_end(where: Location, until_s: float, duration_s: float, source: Source) -> None:
    if until_s > duration_s:
        what = f"ends {until_s:g} s after the start; accepted: within the run of {duration_s:g} s"
        raise source.refusal(where, what)
