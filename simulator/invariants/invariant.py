"""What an invariant is: three questions it may ask of a run, each answered in sentences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from simulator.invariants.step import Step
from simulator.invariants.story import Record, Story

Plan = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """A step in which log or plan changed, read. ``plan`` None: nothing is published yet.

    ``garbled``: lines that are no records. ``before`` is the plan of the step before.
    """

    step: Step
    story: Story
    records: tuple[Record, ...]
    garbled: int
    plan: Plan | None
    before: Plan | None
    plan_changed: bool


@dataclass(frozen=True, slots=True)
class Told:
    """One new record; the story is as it was before it."""

    record: Record
    change: Change

    @property
    def story(self) -> Story:
        return self.change.story


@dataclass(frozen=True, slots=True)
class End:
    """The run is over."""

    step: Step
    story: Story
    plan: Plan | None


class Invariant:
    """Each method yields a sentence per breach; what is not overridden asks nothing.

    ``tick`` sees every step and must be cheap. ``record`` sees each record before it is part of
    the story, ``change`` a step with news after all its records are, ``finish`` the end.
    """

    name: ClassVar[str]

    def tick(self, step: Step) -> Iterable[str]:
        del step
        return ()

    def record(self, told: Told) -> Iterable[str]:
        del told
        return ()

    def change(self, change: Change) -> Iterable[str]:
        del change
        return ()

    def finish(self, end: End) -> Iterable[str]:
        del end
        return ()
