"""Asks the monitors why an incident opened, once, between the tick that opened it and the next.

What they say is a fact of the next tick, so nothing waits for it. Without an opening it costs
nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from controller.core.causes import Cause, Event, Verdict
from controller.core.conditions import comparisons, key_of
from controller.core.facts import Change, Explained
from controller.core.phases import Phase
from controller.core.readings import SignalKey
from controller.core.records import Record
from controller.core.settings import JudgeSettings
from controller.core.state import JudgeState
from controller.shell.intake import Monitors

EVENTS_MAX = 256
INCIDENTS_AT_ONCE_MAX = 8
"""Of one tick; the measuring is the same for all, so more say little new."""

_PLAN_PHASES = ("promoted", "configured")
"""Of records that change the plan without a claim."""


class Explaining:
    """Of one term of leadership: another leader's incidents were explained by that one."""

    def __init__(self, settings: JudgeSettings) -> None:
        self._settings = settings
        self._events: deque[Event] = deque(maxlen=EVENTS_MAX)
        self._opened: dict[str, tuple[SignalKey, ...]] = {}
        self._found: list[tuple[str, Verdict, tuple[Cause, ...]]] = []

    def heard(self, change: Change) -> None:
        """A deploy, a configuration, a price."""
        who = f" by {change.who}" if change.who else ""
        self._events.append(Event(change.at_s, "change", f"{change.kind} {change.what}{who}"))

    def published(self, records: Sequence[Record], state: JudgeState) -> None:
        """Remember what opened, and what the plan was changed by."""
        for record in records:
            if record.phase == Phase.OPENED.value and record.incident is not None:
                keys = _keys(record.incident, state, self._settings)
                if keys and len(self._opened) < INCIDENTS_AT_ONCE_MAX:
                    self._opened[record.incident] = keys
            if record.claims_before != record.claims_after or record.phase in _PLAN_PHASES:
                what = f"{record.epoch}/{record.revision}: {record.sentence}"
                self._events.append(Event(record.at_s, "plan", what))

    def ask(self, monitors: Monitors, at_s: float) -> None:
        """Have what opened explained, from what was counted and happened until ``at_s``."""
        opened, self._opened = self._opened, {}
        events = tuple(each for each in self._events if each.at_s < at_s)
        for incident, keys in opened.items():
            self._found.append((incident, *monitors.explain(keys, at_s, events)))

    def facts(self, at_s: float, next_seq: Callable[[], int]) -> list[Explained]:
        """What was found since the last tick, stamped with this tick's time."""
        found, self._found = self._found, []
        return [Explained(next_seq(), at_s, *each) for each in found]


def _keys(incident: str, state: JudgeState, settings: JudgeSettings) -> tuple[SignalKey, ...]:
    """What the incident's `when` compares, under the text it opened with."""
    found = next((each for each in state.incidents if each.id == incident), None)
    if found is None:
        return ()
    return tuple(key_of(leaf.quantity, settings) for leaf in comparisons(found.playbook.when))
