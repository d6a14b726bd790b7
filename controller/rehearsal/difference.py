"""A failing test for people: both timelines side by side, and every condition at that tick."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from textwrap import wrap

from controller.core.conditions import Evaluation, Look
from controller.core.records import SeenCondition
from controller.core.timers import so_far
from controller.core.wording import duration, number
from controller.rehearsal.comparing import Comparison, Row
from controller.rehearsal.timeline import expected_text, happened_text
from controller.rehearsal.values import moment_text
from controller.rehearsal.world import Sight

LEFT, RIGHT = 46, 70
ROWS_AROUND = 12
"""Rows shown before and after the first difference."""


def difference_text(comparison: Comparison, sight: Sight | None) -> str:
    """What is marked with ``>`` is the first difference."""
    lines = [comparison.why, ""]
    lines += [f"  {'expected':<{LEFT}}  {'happened'}".rstrip()]
    lines += _rows(comparison.rows)
    if sight is not None:
        lines += ["", f"conditions at {moment_text(sight.at_s)}, before the judge decided:"]
        lines += _table(tuple(_conditions(sight)))
    return "\n".join(lines)


def _rows(rows: Sequence[Row]) -> Iterator[str]:
    place = next((i for i, row in enumerate(rows) if row.differs), 0)
    first, last = max(0, place - ROWS_AROUND), place + ROWS_AROUND + 1
    if first:
        yield f"  ... {first} before"
    for row in rows[first:last]:
        left = wrap(expected_text(row.expected), LEFT) if row.expected is not None else ["-"]
        right = wrap(happened_text(row.happened), RIGHT) if row.happened is not None else ["-"]
        mark = ">" if row.differs else " "
        for one, other in zip_longest(left, right, fillvalue=""):
            yield f"{mark} {one:<{LEFT}}  {other}".rstrip()
            mark = " "
    if len(rows) > last:
        yield f"  ... {len(rows) - last} after"


def _conditions(sight: Sight) -> Iterator[tuple[str, ...]]:
    """A row a comparison: whose, truth, margin, value, state, how long it held, its text."""
    for (playbook, target), when in sight.observed.watches.items():
        yield from _evaluated(f"{playbook}{f' ({target})' if target else ''} when", when)
    for incident in sight.state.incidents:
        view = sight.observed.incidents.get(incident.id)
        if view is not None:
            yield from _evaluated(f"{incident.id} when", view.when)
            yield from _evaluated(f"{incident.id} clear_when", view.clear)
            for move, expect in view.expects.items():
                yield from _evaluated(f"{incident.id} expect {move + 1}", expect)


def _evaluated(whose: str, evaluation: Evaluation) -> Iterator[tuple[str, ...]]:
    for look, seen in zip(evaluation.looks, evaluation.seen, strict=True):
        yield whose, seen.met, *_numbers(look, seen), seen.text


def _numbers(look: Look, seen: SeenCondition) -> tuple[str, ...]:
    unit = look.leaf.unit
    margin = (
        ""
        if seen.margin is None
        else f"{'+' if seen.margin > 0 else ''}{number(seen.margin, unit)}"
    )
    value = seen.state if seen.value is None or seen.state != "ok" else number(seen.value, unit)
    held = so_far(look.leaf, look.timer).removeprefix(",").strip().removeprefix("for ")
    return margin, value, f"held {held or duration(seen.held_s)}"


def _table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    heads = ("", "truth", "margin", "value", "", "condition")
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    for row in (heads, *rows):
        cells = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        yield f"  {'  '.join(cells)}".rstrip()
