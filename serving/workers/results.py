"""How work ends, as values; and what a task is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from controller.core.plan import Plan, Work

Stopping = Callable[[], bool]
"""True once the task should end early: the process stops, or nobody wants the work any more."""


@dataclass(frozen=True, slots=True)
class Done:
    detail: str
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """It will not be done, and trying again changes nothing."""

    detail: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The world got in the way; ``again`` says whether another try may help."""

    detail: str
    again: bool = True


Result = Done | Refused | Failed
Task = Callable[[Work, Plan, Stopping], Result]
"""May be called twice for the same work id, so it must do its deed once per id."""
