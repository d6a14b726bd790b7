"""What a fault of the virtual world is: data, its truth, and what it does to the conditions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from simulator.report.truth import GroundTruth
from simulator.spec import Burst
from simulator.world.conditions import Conditions


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """On from ``at_s`` for ``for_s`` seconds of the run. Subclasses add what one may set.

    ``right_actions`` are the action kinds that help (empty: leave it alone); ``deadline_s`` is how
    soon after it is on one of them must be in a public plan.
    """

    name: ClassVar[str]
    cause: ClassVar[str]
    right_actions: ClassVar[tuple[str, ...]] = ()
    deadline_s: ClassVar[float | None] = None

    at_s: float
    for_s: float

    @property
    def off_s(self) -> float:
        return self.at_s + self.for_s

    @property
    def subject(self) -> str:
        """What it takes hold of: two faults of one subject cannot be on at once."""
        return self.name

    def change(self, conditions: Conditions) -> Conditions:
        """What the world is like while it is on."""
        return conditions

    def change_at(self, conditions: Conditions, seconds: float) -> Conditions:
        """`change`, for a fault that does not do the same all the time it is on."""
        del seconds
        return self.change(conditions)

    def turns_s(self) -> tuple[float, ...]:
        """When what it does changes, in seconds of the run."""
        return (self.at_s, self.off_s)

    def announcement(self) -> str:
        """What a deploy tool says when it goes on; empty: nothing is said."""
        return ""

    def bursts(self) -> tuple[Burst, ...]:
        """Extra visits it brings."""
        return ()

    def demands_action(self) -> bool:
        """Whether doing nothing would be wrong. One that is over before its deadline asks for
        nothing."""
        lasts = self.deadline_s is None or self.for_s > self.deadline_s
        return bool(self.right_actions) and lasts

    def truth(self, start_s: float) -> GroundTruth:
        """As no monitor ever sees it. ``start_s``: when the run began, since 1970."""
        return GroundTruth(
            name=self.name,
            on_at_s=start_s + self.at_s,
            off_at_s=start_s + self.off_s,
            cause=self.cause,
            right_actions=self.right_actions,
            must_act=self.demands_action(),
            deadline_s=self.deadline_s,
        )
