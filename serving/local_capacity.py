"""What one core of this router could answer by each of its in-process arms, in answers a second.

A version is measured once when it is loaded, on the model as users get it, then by what users'
answers took: the lower of both is reported. Time is the processor's, so a busy machine does not
spoil the figure. What else a request costs a router it costs whichever arm it is sent to.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from serving.arm_call import ArmQuery
from serving.loaded_models import LoadedModels

MOST_ANSWERS = 200
MOST_S = 0.05
LEAST_ANSWERS = 50
"""Of users: fewer say nothing yet."""
_STRIDE = 0x9E37_79B9_7F4A_7C15
"""Spreads the users asked about over all hashes."""


class LocalCapacity:
    """``measure`` blocks and may run in a thread; ``per_s`` is asked once a second."""

    def __init__(self, models: LoadedModels, slate_size: int) -> None:
        self._models = models
        self._slate_size = slate_size
        self._measured: dict[str, float] = {}
        self._seen: dict[str, float] = {}
        self._counted: dict[str, tuple[int, float]] = {}

    def measure(self, arms: Iterable[str]) -> None:
        """Each arm takes 50 ms of its thread at most, or one answer; one that fails is unknown."""
        for arm in arms:
            self._seen.pop(arm, None)
            per_s = self._benchmark(arm)
            if per_s is None:
                self._measured.pop(arm, None)
            else:
                self._measured[arm] = per_s

    def per_s(self) -> dict[str, float]:
        """By arm, the lower of what was measured and what users' answers showed last."""
        for arm in self._measured:
            self._look(arm)
        return {arm: min(m, self._seen.get(arm, m)) for arm, m in self._measured.items()}

    def _benchmark(self, arm: str) -> float | None:
        until_s = time.monotonic() + MOST_S
        began_s, answers = time.thread_time(), 0
        while answers < MOST_ANSWERS and (not answers or time.monotonic() < until_s):
            user = (answers + 1) * _STRIDE % 2**64
            query = ArmQuery(b"", user, self._slate_size, wants_inputs=False)
            try:
                self._models.recommend(arm, query)
            except Exception:  # noqa: BLE001  (a user's recommender: attempts tell of its errors)
                return None
            answers += 1
        return answers / max(time.thread_time() - began_s, 1e-9)

    def _look(self, arm: str) -> None:
        """Once enough users were answered since the last look, believe what that took."""
        answers, cpu_s = self._models.spent(arm)
        before, before_s = self._counted.get(arm, (0, 0.0))
        if answers - before < LEAST_ANSWERS:
            return
        self._counted[arm] = (answers, cpu_s)
        self._seen[arm] = (answers - before) / max(cpu_s - before_s, 1e-9)
