"""What a router asks an arm, and what it is answered; knows neither Ray nor HTTP."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class ArmQuery:
    """``user_hash`` is the keyed hash, 64 bits; raw ids stay in the router."""

    request_id: bytes
    user_hash: int
    k: int
    wants_inputs: bool


@dataclass(frozen=True, slots=True)
class ArmAnswer:
    """A slate, best first, with what telemetry tells of it. Ages are seconds, as served."""

    item_ids: tuple[str, ...]
    scores: tuple[float, ...]
    version: str
    ages_s: Mapping[str, float] = field(default_factory=dict)
    defaulted: tuple[str, ...] = ()
    inputs: Mapping[str, float] = field(default_factory=dict)
    cpu_ms: float | None = 0.0
    """None where nobody measured it."""
    memory_mb_s: float | None = None
    """None where the arm has no process of its own, or nothing was computed."""
    not_found: tuple[str, ...] = ()
    """Feature groups that were read well but hold nothing of this user or of any item."""
    contributions: Mapping[str, float] = field(default_factory=dict)
    diversity: float | None = None
    """Both as in `models.recommender.Scored`."""


class PendingAnswer(Protocol):
    """One call under way. Awaiting it raises whatever went wrong; nobody retries."""

    def __await__(self) -> Generator[Any, None, ArmAnswer]: ...

    def cancel(self) -> Any:
        """Tell the arm that nobody waits any more."""


class ArmCaller(Protocol):
    """The way to an arm outside this process."""

    def call(self, arm: str, query: ArmQuery) -> PendingAnswer:
        """Start a call. Raise KeyError for an arm this service does not run."""


def slate_fault(answer: ArmAnswer, k: int) -> str | None:
    """Why an answer is no valid slate, or None. Fewer than ``k`` items are allowed, none is not."""
    if not answer.item_ids:
        return "empty slate"
    if len(answer.item_ids) > k or len(answer.item_ids) != len(answer.scores):
        return "slate and scores do not fit"
    if len(set(answer.item_ids)) != len(answer.item_ids):
        return "an item twice"
    if not all(abs(score) < float("inf") for score in answer.scores):
        return "a score is not finite"
    return None
