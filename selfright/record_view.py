"""Records of the decision log as a person reads them in a terminal."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from selfright.moments import age, local_iso, with_age

PHASE_STYLES = {
    "opened": "yellow",
    "acting": "bold yellow",
    "verifying": "cyan",
    "holding": "cyan",
    "returning": "cyan",
    "recovered": "bold green",
    "escalated": "bold red",
    "expired": "red",
    "blocked": "magenta",
    "explained": "yellow",
    "operator": "bold blue",
    "elected": "dim",
    "work": "blue",
}


def records_table(documents: Sequence[Mapping[str, Any]]) -> Table:
    """One row a record."""
    table = Table(box=None, pad_edge=False, header_style="dim", expand=True)
    for name in ("time", "ago", "record", "phase"):
        table.add_column(name, no_wrap=True)
    table.add_column("what", ratio=1)
    for document in documents:
        table.add_row(*_cells(document))
    return table


def record_row(document: Mapping[str, Any]) -> Table:
    """The same row by itself, for following."""
    row = Table.grid(padding=(0, 1))
    for _ in range(4):
        row.add_column(no_wrap=True)
    row.add_column(ratio=1)
    row.add_row(*_cells(document))
    return row


def record_panel(document: Mapping[str, Any]) -> Panel:
    """All of one record."""
    parts: list[RenderableType] = [Text(str(document["sentence"]), style="bold")]
    parts.append(_facts(document))
    if document["details"].get("causes"):
        parts.append(_causes(document["details"]["causes"]))
    if document["conditions"]:
        parts += [Text(f"• {seen['sentence']}") for seen in document["conditions"]]
        parts.append(conditions_table(document["conditions"]))
    parts += [
        Text.assemble(("guard ", "magenta"), f"{guard['guard']}: {guard['sentence']}")
        for guard in document["guards"]
    ]
    parts += [
        Text.assemble(("lost ", "magenta"), f"{loser['playbook']}: {loser['why']}")
        for loser in document["losers"]
    ]
    parts.append(_claims(document))
    title = f"{escape(document['id'])}  {_phase(document)}  "
    title += with_age(document["at_s"], time.time())
    return Panel(Group(*parts), title=title, title_align="left", border_style="dim")


def _cells(document: Mapping[str, Any]) -> tuple[RenderableType, ...]:
    sentence = Text(str(document["sentence"]))
    if not document["enforced"]:
        sentence.append(" (not enforced)", "dim")
    return (
        Text(local_iso(document["at_s"])[: len("2026-05-04T13:20:05")], "dim"),
        Text(age(document["at_s"], time.time()), "dim"),
        Text(str(document["id"])),
        Text.from_markup(_phase(document)),
        sentence,
    )


def _phase(document: Mapping[str, Any]) -> str:
    phase = str(document["phase"])
    style = PHASE_STYLES.get(phase)
    return f"[{style}]{escape(phase)}[/]" if style else escape(phase)


def _facts(document: Mapping[str, Any]) -> Table:
    grid = Table.grid(padding=(0, 2))
    names = {
        "playbook": "playbook",
        "playbook_sha256": "its sha256",
        "incident": "incident",
        "expected": "expected",
        "autonomy": "autonomy",
        "command_id": "command",
        "prev_hash": "follows",
        "hash": "hash",
    }
    for name, label in names.items():
        if document.get(name):
            grid.add_row(Text(label, "dim"), Text(str(document[name])))
    for name, value in sorted(document["details"].items()):
        if name != "causes" and value not in ([], {}, "", None):
            grid.add_row(Text(name.replace("_", " "), "dim"), Text(_plain(value)))
    return grid


def conditions_table(conditions: Sequence[Mapping[str, Any]]) -> Table:
    """Value, threshold, signed distance to it, sample, state and how long it held."""
    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in ("condition", "", "value", "threshold", "margin", "n", "state", "held"):
        table.add_column(name, justify="left" if name in ("condition", "", "state") else "right")
    styles = {"met": "green", "not met": "red", "unknown": "yellow"}
    for seen in conditions:
        table.add_row(
            Text(seen["text"]),
            Text(seen["met"], styles.get(seen["met"], "")),
            _number(seen["value"]),
            _number(seen["threshold"]),
            _number(seen["margin"]),
            str(seen["sample_size"]),
            seen["state"],
            f"{seen['held_s']:g} s",
        )
    return table


def _causes(causes: Sequence[Mapping[str, Any]]) -> Table:
    """The likeliest first. What is only close in time explains no known share."""
    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in ("", "cause", "explains", "n", "what was seen"):
        table.add_column(name, justify="right" if name in ("", "explains", "n") else "left")
    for rank, cause in enumerate(causes, 1):
        share = cause["share"]
        table.add_row(
            str(rank),
            Text(_named_cause(cause)),
            "-" if share is None else f"{share:.0%}",
            str(cause["support"] or "-"),
            Text(cause["sentence"]),
        )
    return table


def _named_cause(cause: Mapping[str, Any]) -> str:
    """What happened before is told by its sentence alone."""
    is_event = cause["kind"] in ("plan", "change")
    return str(cause["kind"]) if is_event else f"{cause['kind']} {cause['what']}"


def _claims(document: Mapping[str, Any]) -> RenderableType:
    before, after = document["claims_before"], document["claims_after"]
    if before == after:
        return Text("claims unchanged", "dim")
    lines = [
        Text.assemble(("claim dropped  ", "red"), _claim(claim))
        for claim in before
        if claim not in after
    ]
    lines += [
        Text.assemble(("claim made     ", "green"), _claim(claim))
        for claim in after
        if claim not in before
    ]
    return Group(*lines)


def _claim(claim: Mapping[str, Any]) -> str:
    """``route: source primary, target fallback, share 100 %, priority 50``"""
    told = {name: value for name, value in claim.items() if name not in ("kind", "since_s")}
    parts = [
        f"{name.removesuffix('_s').replace('_', ' ')} "
        + (f"{value:.0%}" if name == "share" else _plain(value))
        for name, value in told.items()
        if value not in ([], {}, "", None)
    ]
    return f"{claim['kind']}: {', '.join(parts)}"


def _plain(value: object) -> str:
    """Values as a person writes them: no quotes, no brackets."""
    match value:
        case list() | tuple():
            return "; ".join(_plain(each) for each in value)
        case dict():
            return ", ".join(f"{name} {_plain(each)}" for name, each in value.items())
        case float():
            return f"{value:g}"
        case _:
            return str(value)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"
