"""What one router knows of each arm: its breaker, and the version it last answered with."""

from __future__ import annotations

from collections.abc import Iterable

from controller.core.plan import Plan
from serving.arm_call import ArmAnswer
from serving.loaded_models import LATEST
from serving.routing.breaker import Breaker


class ArmBook:
    def __init__(self) -> None:
        self._breakers: dict[str, Breaker] = {}
        self._versions: dict[str, str] = {}

    def breaker(self, arm: str) -> Breaker:
        return self._breakers.setdefault(arm, Breaker())

    def all_closed(self, arms: Iterable[str], now_s: float) -> bool:
        return all(self.breaker(arm).lets_users_through(now_s) for arm in arms)

    def not_closed(self, now_s: float) -> frozenset[str]:
        return frozenset(
            arm for arm, breaker in self._breakers.items() if not breaker.lets_users_through(now_s)
        )

    def note(self, arm: str, answer: ArmAnswer | None) -> None:
        if answer is not None:
            self._versions[arm] = answer.version

    def version(self, plan: Plan, arm: str) -> str:
        """The version the arm answers with: as planned, else as last seen; empty if unknown."""
        planned = plan.arms[arm].version
        return self._versions.get(arm, "") if planned == LATEST else planned
