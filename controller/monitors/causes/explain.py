"""Why did this incident open? A verdict, and the causes in order.

Asked once, when an incident opens. What its own signals are about comes first, then what else
changed; the plan and change events before it come last, since closeness in time proves nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from controller.core.causes import CAUSES_LIMIT, Cause, Event, Verdict
from controller.core.readings import SignalKey
from controller.core.wording import duration
from controller.monitors.causes.measured import (
    Measured,
    bad_answers,
    clicks,
    feature_uses,
    inputs,
)
from controller.monitors.causes.segments import QUICK_S, RECENT_MAX_S, SegmentTally

ANSWERS, CLICKS, INPUTS, USES = "answers", "clicks", "inputs", "uses"
_ABOUT = {
    CLICKS: ("ctr", "uplift", "calibration", "late_click", "outcome"),
    INPUTS: ("drift", "attribution", "score", "confidence", "unseen", "null_rate", "schema"),
    USES: ("feature_age", "default_rate", "not_found"),
    ANSWERS: ("latency", "arm_", "availability", "degraded", "shed", "queue", "oldest", "cache"),
}
"""How the names of signals begin that are about each table."""
_SPANS_S = {
    ANSWERS: (10.0, QUICK_S - 60.0),
    CLICKS: (120.0, RECENT_MAX_S),
    INPUTS: (120.0, RECENT_MAX_S),
    USES: (30.0, 300.0),
}
"""The shortest and longest window of each table that is called now."""
_USUAL_S = {ANSWERS: 30.0, CLICKS: 300.0, INPUTS: 300.0, USES: 60.0}
"""For an incident that is about something else."""
EVENTS_WITHIN_S = 900.0
MOST_EVENTS = 3


def explain(
    tally: SegmentTally, keys: Sequence[SignalKey], at_s: float, events: Sequence[Event]
) -> tuple[Verdict, tuple[Cause, ...]]:
    """``keys`` are what the incident's conditions compare, the first the most telling."""
    spans_s = {table: _span_s(table, keys) for table in _ABOUT}
    found = {
        USES: feature_uses(tally.uses, at_s, spans_s[USES]),
        ANSWERS: bad_answers(tally, at_s, spans_s[ANSWERS]),
        INPUTS: inputs(tally, at_s, spans_s[INPUTS]),
        CLICKS: clicks(tally, at_s, spans_s[CLICKS]),
    }
    about = next((table for key in keys if (table := _table_of(key.name))), None)
    order = sorted(found, key=lambda table: (not found[table].is_pipeline, table != about))
    causes = [cause for table in order for cause in found[table].causes]
    near = _near(events, at_s)
    kept = causes[: CAUSES_LIMIT - len(near)]
    return _verdict(found, about), (*kept, *near)


def _verdict(found: dict[str, Measured], about: str | None) -> Verdict:
    """By what is broken first in the chain from features to clicks."""
    if any(each.is_pipeline for each in found.values()) or about == USES:
        return "broken feature pipeline"
    if found[ANSWERS].is_certain or about == ANSWERS:
        return "system"
    if found[INPUTS].is_certain or about == INPUTS:
        return "drift"
    if found[CLICKS].is_certain:
        return "stale model"
    return "unknown"


def _table_of(signal: str) -> str | None:
    return next((t for t, starts in _ABOUT.items() if signal.startswith(starts)), None)


def _span_s(table: str, keys: Sequence[SignalKey]) -> float:
    asked = [key.window_s for key in keys if _table_of(key.name) == table]
    least_s, most_s = _SPANS_S[table]
    return min(max(*asked, least_s), most_s) if asked else _USUAL_S[table]


def _near(events: Sequence[Event], at_s: float) -> tuple[Cause, ...]:
    """The latest events before, the closest first."""
    recent = [each for each in events if 0.0 <= at_s - each.at_s <= EVENTS_WITHIN_S]
    latest = sorted(recent, key=lambda each: -each.at_s)[:MOST_EVENTS]
    return tuple(
        Cause(e.kind, e.what, None, 0, f"{e.kind} {e.what}, {duration(at_s - e.at_s)} before")
        for e in latest
    )
