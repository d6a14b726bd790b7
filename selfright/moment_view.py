"""What the judge knew at one second, for people and as lines of JSON."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from controller.core.conditions import Truth
from controller.core.records import record_to_document
from controller.core.state import Incident
from controller.core.wording import duration
from controller.shell.at_time import Moment, Watched
from selfright.moments import local_iso, with_age
from selfright.record_view import conditions_table


def moment_lines(moment: Moment, playbook: str | None) -> Iterator[dict[str, Any]]:
    """One object a line: the moment, then what was decided, watched and open."""
    yield {
        "kind": "moment",
        "at_s": moment.at_s,
        "at": local_iso(moment.at_s),
        "sentence": headline(moment),
        "epoch": moment.state.epoch,
        "in_flight": moment.in_flight,
    }
    for record in moment.records:
        yield {"kind": "decided", **record_to_document(record)}
    for watched in _of(moment, playbook):
        yield {
            "kind": "watched",
            "playbook": watched.playbook.name,
            "target": watched.target,
            "when": watched.when.truth.value,
            "sentence": why(watched, moment),
            "conditions": [asdict(seen) for seen in watched.when.seen],
            "guards": [asdict(refused.as_refusal()) for refused in watched.refused],
        }
    for incident, view in moment.open:
        if playbook in (None, incident.playbook.name):
            yield {
                "kind": "open",
                "incident": incident.id,
                "playbook": incident.playbook.name,
                "phase": incident.phase.value,
                "sentence": open_sentence(incident, moment.at_s),
                "when": [asdict(seen) for seen in view.when.seen],
                "clear_when": [asdict(seen) for seen in view.clear.seen],
            }


def moment_text(moment: Moment, playbook: str | None) -> RenderableType:
    """The same as sentences and tables."""
    parts: list[RenderableType] = [
        Text.assemble((f"{with_age(moment.at_s, time.time())}: ", "dim"), headline(moment))
    ]
    parts += [Text(f"decided  {each.sentence}", "bold") for each in moment.records]
    for incident, view in moment.open:
        if playbook in (None, incident.playbook.name):
            parts += [Text(""), Text(open_sentence(incident, moment.at_s), "bold yellow")]
            parts += [Text("  its when:", "dim"), conditions_table(_documents(view.when))]
            parts += [Text("  it clears when:", "dim"), conditions_table(_documents(view.clear))]
    for watched in _of(moment, playbook):
        parts += [Text(""), Text(why(watched, moment), "bold")]
        parts.append(conditions_table(_documents(watched.when)))
        parts += [
            Text.assemble(("  guard ", "magenta"), f"{each.guard}: {each.sentence}")
            for each in watched.refused
        ]
    return Group(*parts)


def headline(moment: Moment) -> str:
    """What happened at that second, or that nothing did."""
    met = sum(each.when.assumed is Truth.MET for each in moment.watched)
    what = "nothing was decided"
    if moment.records:
        count = len(moment.records)
        what = f"{count} decision{'' if count == 1 else 's'}"
    elif moment.in_flight:
        what = "nothing could be decided, because a commit was still on its way"
    return (
        f"{what}; {len(moment.watched)} watched, {met} of them met; "
        f"{len(moment.open)} incident{'' if len(moment.open) == 1 else 's'} open"
    )


def why(watched: Watched, moment: Moment) -> str:
    """Why this playbook did not open an incident at that second, or that it did."""
    name = watched.playbook.name
    if watched.target is not None:
        name = f"{name} ({watched.target})"
    opened = any(
        each.playbook == watched.playbook.name and each.phase == "opened" for each in moment.records
    )
    if watched.when.assumed is Truth.MET:
        if opened:
            return f"{name} opened: its condition was met"
        if watched.refused:
            reasons = "; ".join(each.sentence for each in watched.refused)
            return f"{name} did nothing: its condition was met, but {reasons}"
        return f"{name} did nothing yet: its condition was met"
    short = [seen.sentence for seen in watched.when.seen if seen.met != Truth.MET.value]
    state = "unknown" if watched.when.truth is Truth.UNKNOWN else "not met"
    return f"{name} did nothing: its condition was {state}: {'; '.join(short)}"


def open_sentence(incident: Incident, at_s: float) -> str:
    """``slow-1764000005-3 is open for 45 s, verifying for 5 s, rung 1``"""
    rung = f", rung {incident.rung + 1}" if incident.rung >= 0 else ""
    return (
        f"{incident.id} is open for {duration(at_s - incident.opened_at_s)}, "
        f"{incident.phase.value} for {duration(at_s - incident.phase_since_s)}{rung}"
    )


def _of(moment: Moment, playbook: str | None) -> list[Watched]:
    return [each for each in moment.watched if playbook in (None, each.playbook.name)]


def _documents(evaluation: Any) -> list[dict[str, Any]]:
    return [asdict(seen) for seen in evaluation.seen]
