"""Everything the judge remembers, as frozen dataclasses. Every tuple in it has a named limit.

The document carries the loaded configuration too, so that a journal segment that begins with a
state needs nothing before it; `Elected` takes only the durable part and keeps what is loaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from controller.core.claims import Claim
from controller.core.conditions import Timer
from controller.core.documents import decode, encode
from controller.core.facts import Allowance, Explained, Operator, WorkDone
from controller.core.phases import Phase
from controller.core.plan import Work
from controller.core.playbook import Playbook
from controller.core.records import SeenCondition
from controller.core.settings import JudgeSettings

STATE_FORMAT = 1
COMMANDS_LIMIT = 256
INBOX_LIMIT = 256
HISTORY_LIMIT = 16
INCIDENTS_LIMIT = 32
WANTED_LIMIT = 64
APPROVALS_LIMIT = 32
FREEZES_LIMIT = 32
OVERRIDES_LIMIT = 8
TIMES_LIMIT = 64


@dataclass(frozen=True, slots=True)
class Config:
    """What `Loaded` said."""

    playbooks: tuple[Playbook, ...]
    settings: JudgeSettings
    code: str
    bundle: str = ""


@dataclass(frozen=True, slots=True)
class Bundle:
    """The playbooks the log named last: the sha256 of all, and each one's by name."""

    sha256: str = ""
    playbooks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BaselineArm:
    """``*_owner``: ``settings``, or the promotion or person a changed setting must not undo."""

    version: str
    share: float
    deadline_ms: float
    replicas: int | None = None
    version_owner: str = "settings"
    share_owner: str = "settings"


@dataclass(frozen=True, slots=True)
class Promotion:
    """One step of the promotion history. ``swapped``: shares moved, not versions."""

    at_s: float
    arm: str
    old_version: str
    new_version: str
    who: str
    swapped: str = ""


@dataclass(frozen=True, slots=True)
class Baseline:
    """What the plan is when nobody claims anything."""

    arms: Mapping[str, BaselineArm]
    control_share: float
    control_arm: str
    request_deadline_ms: float
    cache_ttl_s: float
    history: tuple[Promotion, ...] = ()
    barred: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Expectation:
    """One move's expectation while it is verified. ``move`` is its place in the rung."""

    move: int
    already_met: bool
    outcome: Literal["pending", "passed", "unproven", "failed", "not adopted"] = "pending"
    timers: tuple[Timer, ...] = ()
    seen: tuple[SeenCondition, ...] = ()
    """What decided it, until the rung's other expectations are decided and a record says so."""


@dataclass(frozen=True, slots=True)
class Incident:
    """One open incident, under the playbook text it opened with (variables bound)."""

    id: str
    playbook: Playbook
    target: str | None
    opened_at_s: float
    phase: Phase
    phase_since_s: float
    enforced: bool = True
    """False in shadow and suggest: it claims nothing."""
    assumed: bool = False
    """Opened on unknown counted as met: only protective actions."""
    rung: int = -1
    acted_at_s: float = 0.0
    acted_epoch: int = 0
    acted_revision: int = 0
    adopted_at_s: float | None = None
    expectations: tuple[Expectation, ...] = ()
    claims: tuple[Claim, ...] = ()
    when_timers: tuple[Timer, ...] = ()
    clear_timers: tuple[Timer, ...] = ()
    leaving: Literal["", "cleared", "expired", "undone"] = ""
    stage: int = 0
    stage_since_s: float = 0.0
    stage_revision: int = 0
    stage_failures: int = 0
    work_count: int = 0
    acknowledged_by: str = ""
    refusals: tuple[str, ...] = ()
    widening: bool = False
    """Its routes move in stages, because nobody knows the target's head-room."""
    reminded: bool = False
    """Its owner was told that it is open for long."""
    explained: bool = False
    """There is a record of why it opened."""


@dataclass(frozen=True, slots=True)
class Watch:
    """A playbook (and target) without an open incident: its timers and last recorded refusals."""

    playbook: str
    sha256: str
    target: str | None
    timers: tuple[Timer, ...] = ()
    refusals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ledger:
    """What one playbook did lately (budget, cooldown, flips) and how it went (track record)."""

    playbook: str
    acts_at_s: tuple[float, ...] = ()
    flips_at_s: tuple[float, ...] = ()
    cooldown_from_s: Mapping[str, float] = field(default_factory=dict)
    """Target (empty without one) to when it acted last."""
    outcomes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FreezeMark:
    """Acting on ``what`` (``all``, ``promotions`` or a playbook) stops until ``until_s``."""

    what: str
    who: str
    since_s: float
    until_s: float | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Approval:
    """A person is asked. ``act``: the incident's first rung; ``promote``: a version into an arm."""

    id: str
    kind: Literal["act", "promote", "swap", "revert"]
    asked_at_s: float
    expires_at_s: float
    incident: str
    sentence: str
    playbook: str = ""
    version: str = ""
    arm: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """A rung that wants to act, put to the cap on all services. ``cost`` in actions.

    ``key`` names it to the store, which grants it once. ``waiting``: for the store's word; until
    that comes the last ``answer`` stands.
    """

    key: str
    playbook: str
    target: str | None
    rung: int
    cost: int
    asked_at_s: float
    wanted_at_s: float
    waiting: bool = True
    answer: Allowance | None = None


@dataclass(frozen=True, slots=True)
class JudgeState:
    """The judge between two facts. ``revision`` is of the last commit, in whatever epoch."""

    config: Config | None = None
    leading: bool = False
    holder: str = ""
    epoch: int = 0
    revision: int = 0
    in_flight: bool = False
    dry_run: bool = False
    """The last commit was not published on purpose: records are not enforced."""
    at_s: float = 0.0
    last_tick_s: float | None = None
    inbox: tuple[Operator | WorkDone | Explained, ...] = ()
    """What people, workers and monitors said since the last tick that could answer."""
    baseline: Baseline | None = None
    incidents: tuple[Incident, ...] = ()
    watches: tuple[Watch, ...] = ()
    ledgers: tuple[Ledger, ...] = ()
    overrides: tuple[Claim, ...] = ()
    freezes: tuple[FreezeMark, ...] = ()
    approvals: tuple[Approval, ...] = ()
    spent: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """Name of a budget of the service to when it was drawn on lately."""
    asked: tuple[Asked, ...] = ()
    """What the cap on all services was asked for and has not paid yet."""
    allowance: Allowance | None = None
    """The store's last word on that cap."""
    wanted: tuple[Work, ...] = ()
    commands: tuple[str, ...] = ()
    """Ids of the operator commands that have a record already, the newest last."""
    bundle: Bundle = field(default_factory=Bundle)


def state_to_document(state: JudgeState) -> dict[str, Any]:
    """Plain JSON types; the inverse is ``state_from_document``."""
    document: dict[str, Any] = encode(JudgeState, state)
    document["format"] = STATE_FORMAT
    return document


def state_from_document(document: Mapping[str, Any]) -> JudgeState:
    """Raise ValueError on an unknown format, KeyError or TypeError on another shape."""
    if document.get("format") != STATE_FORMAT:
        raise ValueError(f"state format {document.get('format')!r} is not {STATE_FORMAT}")
    state: JudgeState = decode(JudgeState, document)
    return state
