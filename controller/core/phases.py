"""An incident's life as a table: phase, event, next phase. The code has no other transitions."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Phase(StrEnum):
    OPENED = "opened"
    ACTING = "acting"
    VERIFYING = "verifying"
    HOLDING = "holding"
    RETURNING = "returning"
    ESCALATED = "escalated"
    RECOVERED = "recovered"
    EXPIRED = "expired"


class Event(StrEnum):
    ACT = "act"
    """A rung of the playbook goes into the plan."""
    JOIN = "join"
    """Its change is in the plan already: it adds a claim of its own."""
    OBSERVE = "observe"
    """Shadow or suggest: said, not done."""
    APPROVE = "approve"
    REJECT = "reject"
    LAPSE = "lapse"
    """An approval or a claim ran out."""
    ADOPT = "adopt"
    """Every live router reports the plan, and something is expected of it."""
    SETTLE = "settle"
    """Passed, unproven, kept, or nothing was expected."""
    NEXT = "next"
    """An expectation failed: the next rung."""
    UNDO = "undo"
    """An expectation failed: its claim is taken back."""
    EXHAUST = "exhaust"
    """No rung is left, or the guards refuse it: a person."""
    CLEAR = "clear"
    """clear_when is met."""
    WIDEN = "widen"
    """The target bears what it got: the next stage of a move into unknown head-room."""
    LEAVE = "leave"
    """Nothing of ours is left to return."""
    STAGE_FAIL = "stage fail"
    """`when` was met again while traffic returned: it drains again."""
    RESTART = "restart"
    """A controller was elected: verification starts again."""
    STAGES_PASS = "stages pass"  # noqa: S105  (a phase event)
    """All traffic is back."""


TRANSITIONS: Mapping[tuple[Phase, Event], Phase] = {
    (Phase.OPENED, Event.ACT): Phase.ACTING,
    (Phase.OPENED, Event.JOIN): Phase.HOLDING,
    (Phase.OPENED, Event.OBSERVE): Phase.HOLDING,
    (Phase.OPENED, Event.APPROVE): Phase.ACTING,
    (Phase.OPENED, Event.REJECT): Phase.HOLDING,
    (Phase.OPENED, Event.LAPSE): Phase.EXPIRED,
    (Phase.OPENED, Event.CLEAR): Phase.RECOVERED,
    (Phase.ACTING, Event.RESTART): Phase.ACTING,
    (Phase.ACTING, Event.ADOPT): Phase.VERIFYING,
    (Phase.ACTING, Event.SETTLE): Phase.HOLDING,
    (Phase.ACTING, Event.NEXT): Phase.ACTING,
    (Phase.ACTING, Event.UNDO): Phase.RETURNING,
    (Phase.ACTING, Event.EXHAUST): Phase.ESCALATED,
    (Phase.VERIFYING, Event.WIDEN): Phase.ACTING,
    (Phase.VERIFYING, Event.RESTART): Phase.ACTING,
    (Phase.VERIFYING, Event.SETTLE): Phase.HOLDING,
    (Phase.VERIFYING, Event.NEXT): Phase.ACTING,
    (Phase.VERIFYING, Event.UNDO): Phase.RETURNING,
    (Phase.VERIFYING, Event.EXHAUST): Phase.ESCALATED,
    (Phase.HOLDING, Event.WIDEN): Phase.ACTING,
    (Phase.HOLDING, Event.CLEAR): Phase.RETURNING,
    (Phase.HOLDING, Event.LAPSE): Phase.RETURNING,
    (Phase.ESCALATED, Event.CLEAR): Phase.RETURNING,
    (Phase.ESCALATED, Event.LAPSE): Phase.RETURNING,
    (Phase.RETURNING, Event.STAGE_FAIL): Phase.HOLDING,
    (Phase.RETURNING, Event.EXHAUST): Phase.ESCALATED,
    (Phase.RETURNING, Event.LEAVE): Phase.RECOVERED,
    (Phase.RETURNING, Event.STAGES_PASS): Phase.RECOVERED,
    (Phase.RETURNING, Event.LAPSE): Phase.EXPIRED,
}

ENDED = frozenset({Phase.RECOVERED, Phase.EXPIRED})


def follow(phase: Phase, event: Event) -> Phase:
    """The next phase. Raise KeyError on a transition the table does not have (a bug of ours)."""
    return TRANSITIONS[phase, event]


def mermaid() -> str:
    """The table as a Mermaid state diagram; the README shows exactly this text."""
    lines = ["stateDiagram-v2", "    [*] --> opened"]
    lines += [
        f"    {phase.value} --> {after.value}: {event.value}"
        for (phase, event), after in TRANSITIONS.items()
    ]
    lines += [f"    {phase.value} --> [*]" for phase in Phase if phase in ENDED]
    return "\n".join(lines)
