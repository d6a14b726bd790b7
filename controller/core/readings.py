"""Named numbers at a time, and the data that declares which of them exist."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Labels = tuple[tuple[str, str], ...]
"""Label pairs sorted by name, e.g. ``(("arm", "primary"),)``."""


class ReadingState(StrEnum):
    """Why a number may, or may not, be believed. Only ``OK`` may count as a pass."""

    OK = "ok"
    INSUFFICIENT = "insufficient"
    STALE = "stale"
    IDLE = "idle"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class SignalSpec:
    """One signal a monitor declares. The sum of all specs is the catalogue.

    ``unit`` is one of ``ms``, ``s``, ``share`` (0 to 1, written as percent), ``count``,
    ``per_s``, ``value``. ``maximum`` is the largest finite value the signal can show; what is
    slower or larger than everything measurable reads as that. ``default_window_s`` is 0 for
    signals that have no window (a gauge).
    """

    name: str
    unit: str
    labels: tuple[str, ...]
    least_sample: int
    default_window_s: float
    summary: str
    maximum: float | None = None
    users_only: bool = False
    """Only requests a user waited for feed it (so probes can never fill its sample)."""
    is_drift: bool = False
    """Drift alone may retrain, evaluate or notify; it never routes."""
    compares_arms: bool = False
    """One arm against another over the same time, so that what happens to both cancels out."""
    harm: Literal["high", "low"] | None = None
    """The side on which users, arms or the budget are worse off; None: neither says so."""


class _Hashed:
    """Room for a hash beside the fields: a key is looked up many times a tick, for hours."""

    __slots__ = ("_hash",)
    _hash: int


@dataclass(frozen=True, slots=True, order=True)
class SignalKey(_Hashed):
    """One series of one signal at one window: ``arm_latency_ms.p95{arm=primary}[5s]``."""

    name: str
    labels: Labels = ()
    window_s: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.name, self.labels, self.window_s)))

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> tuple[type[SignalKey], tuple[str, Labels, float]]:
        """Text hashes differ between processes, so the hash does not travel."""
        return SignalKey, (self.name, self.labels, self.window_s)

    def __str__(self) -> str:
        labels = "{" + ",".join(f"{k}={v}" for k, v in self.labels) + "}" if self.labels else ""
        window = f"[{self.window_s:g}s]" if self.window_s else ""
        return f"{self.name}{labels}{window}"


@dataclass(frozen=True, slots=True)
class Reading:
    """A signal's value at a time. ``value`` is None only when ``state`` is not ``ok``.

    ``window_start_s`` is the start of the window the value was counted over; verification only
    looks at readings whose window starts after the plan was adopted.
    """

    value: float | None
    state: ReadingState
    sample_size: int
    window_start_s: float
    window_end_s: float
    note: str = ""
    """Why it is not ok, for people: ``no probes and no traffic``, ``lag 14s``."""


Readings = Mapping[SignalKey, Reading]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every signal that exists; grammar, linter, schema, docs and metric names come from it."""

    specs: Mapping[str, SignalSpec]

    @classmethod
    def of(cls, specs: Iterable[SignalSpec]) -> Catalogue:
        """Raise ValueError when two monitors declare one name."""
        table: dict[str, SignalSpec] = {}
        for spec in specs:
            if spec.name in table:
                raise ValueError(f"signal {spec.name!r} is declared twice")
            table[spec.name] = spec
        return cls(table)


PLAN_ADOPTED_EPOCH = SignalKey("plan.adopted_epoch")
PLAN_ADOPTED_REVISION = SignalKey("plan.adopted_revision")
"""The least (epoch, revision) over live routers. ``ok`` while one router lives."""
