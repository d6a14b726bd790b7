"""The difference of two histories, for people and as lines of JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.text import Text

from controller.shell.histories import Contrast, Line
from selfright.moments import local_iso

_STYLES = {"-": "red", "+": "green", " ": "dim"}


def contrast_lines(
    found: Contrast, unrecorded: Sequence[str], *, with_timeline: bool
) -> Iterator[dict[str, Any]]:
    """One object a line: counts, then the timeline, then readings nobody recorded."""
    for count in found.counts:
        yield {"kind": "count", **asdict(count), "sentence": count.sentence}
    if with_timeline:
        for line in found.lines:
            yield line_document(line)
    for name in unrecorded:
        yield {"kind": "unrecorded", "reading": name}


def line_document(line: Line) -> dict[str, Any]:
    return {"kind": "line", "at": local_iso(line.at_s), **asdict(line)}


def print_contrast(
    console: Console, found: Contrast, unrecorded: Sequence[str], *, with_timeline: bool
) -> None:
    """A sentence per playbook and kind of action; then the stories, a blank line between two."""
    for count in found.counts:
        console.print(Text(count.sentence, "bold" if count.did != count.would else ""))
    if not found.counts:
        console.print("nothing was done, and nothing would have been")
    if with_timeline:
        before: Line | None = None
        for line in found.lines:
            if before is None or _story(line) != _story(before):
                console.print()
            console.print(line_text(line))
            before = line
        console.print()
        if found.differs:
            console.print(Text("- only in fact, + only with these playbooks", "dim"))
        else:
            console.print("no difference in what was decided")
    for name in unrecorded:
        console.print(Text(f"unrecorded  {name}: unknown in every condition", "yellow"))


def line_text(line: Line) -> Text:
    """``+ 2026-05-04T13:20:05+02:00 acting: slow-primary routes 100 % …``"""
    text = f"{line.side} {local_iso(line.at_s)} {line.phase}: {line.sentence}"
    return Text(text, _STYLES[line.side])


def _story(line: Line) -> str:
    return line.incident or line.playbook
