"""What a playbook test says, without YAML: the world tick by tick, and what should come of it.

Times are seconds from the start of the test, shares 0 to 1, values in the unit of their signal.
A program may make a `Rehearsal` and write it with `writing.rehearsal_text`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from controller.core.phases import Phase
from controller.core.playbook import Quantity

UNRECORDED = "unrecorded"
QUIET = "quiet"
TICK_S = 1.0
ADOPTION_S = 1.0
MISSING_STATES = ("insufficient", "stale", "idle", "down", UNRECORDED)
"""What a reading may be instead of a number."""
PEOPLE_AND_WORKERS = ("elected", "operator", "work")
"""Phases of records that answer what the test itself said: they need not be expected."""
PHASES = (
    *(phase.value for phase in Phase),
    "elected",
    "configured",
    "loaded",
    "blocked",
    "joined",
    "asked",
    "suggested",
    "shadowed",
    "failed",
    "frozen",
    "thawed",
    "no_data",
    "work",
    "promoted",
    "lapsed",
    "operator",
    "released",
    "reminded",
    "explained",
)
"""What a record's phase can be; a test reads them off the core."""


@dataclass(frozen=True, slots=True)
class Noise:
    """AR(1) around what the span says: ``x' = m + phi (x - m) + sqrt(1 - phi^2) sd e``.

    ``sd`` is the standard deviation of the noise as it is seen. A new draw every ``every_s``.
    """

    sd: float
    phi: float
    seed: int
    every_s: float


@dataclass(frozen=True, slots=True)
class Span:
    """What a reading shows from the end of the span before, up to but without ``until_s``.

    One of: ``values`` with one number (constant), with two and ``ramp``, with several that take
    turns ``every_s``, or ``state`` (one of `MISSING_STATES`) and no values.
    """

    values: tuple[float, ...] = ()
    until_s: float | None = None
    ramp: bool = False
    every_s: float | None = None
    state: str = "ok"
    sample: int | None = None
    noise: Noise | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """One signal. Without a window of its own it gives every window the playbooks name."""

    quantity: Quantity
    unit: str
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a worker says of the next work item of its kind, ``after_s`` it became wanted."""

    kind: str
    after_s: float
    status: Literal["done", "failed", "refused"]
    version: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Command:
    """A person's command. ``target`` empty: the oldest that waits for this verb."""

    at_s: float
    verb: str
    target: str
    who: str


@dataclass(frozen=True, slots=True)
class Restart:
    """No ticks for ``lasts_s``; then a controller is elected with the stored state."""

    at_s: float
    lasts_s: float


@dataclass(frozen=True, slots=True)
class TextPattern:
    """A text that must occur, or a regular expression that must be found."""

    text: str
    is_regex: bool

    def found_in(self, text: str) -> bool:
        return bool(re.search(self.text, text)) if self.is_regex else self.text in text


@dataclass(frozen=True, slots=True)
class ExpectedPlan:
    """Fields of the plan that the record was committed with; None or empty: anything."""

    shares: Mapping[str, float] = field(default_factory=dict)
    shed_share: float | None = None
    cache_ttl_s: float | None = None
    replicas: Mapping[str, int] = field(default_factory=dict)
    frozen: tuple[str, ...] | None = None
    wanted: tuple[str, ...] = ()
    """Kinds of work that are among the wanted."""


@dataclass(frozen=True, slots=True)
class Expected:
    """One record, from ``first_s`` to ``last_s``, both included. None and empty: anything."""

    first_s: float
    last_s: float
    phase: str
    playbook: str | None = None
    target: str | None = None
    guards: tuple[str, ...] = ()
    plan: ExpectedPlan | None = None
    sentence: TextPattern | None = None
    page: TextPattern | None = None
    outcomes: tuple[str, ...] | None = None
    """What the expectations of a rung came to, in order."""
    by: bool = False
    """Written as ``by``: any time up to ``last_s``."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """One test. Paths are as written, relative to the test's file.

    ``adoption_s`` None: no router ever takes a plan. ``otherwise`` says what signals read that
    have no series: a missing state, or ``quiet``.
    """

    name: str
    playbooks: tuple[str, ...]
    ends_at_s: float
    expect: tuple[Expected, ...]
    series: tuple[Series, ...] = ()
    settings: str = ""
    tick_s: float = TICK_S
    adoption_s: float | None = ADOPTION_S
    otherwise: str = UNRECORDED
    work: tuple[Answer, ...] = ()
    operator: tuple[Command, ...] = ()
    restarts: tuple[Restart, ...] = ()
    others_allowed: bool = False
    never: tuple[Expected, ...] = ()
    """Records that must not come, whatever else may."""
