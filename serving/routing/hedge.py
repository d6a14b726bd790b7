"""Hedging: whether a request stops waiting for a slow arm and is answered by the fallback.

An arm is out of the ordinary when it takes longer than all but the budgeted share of its attempts
of the last minute did: so an arm that is slow by nature keeps its users. Not the 95th percentile,
which lies on the fault itself where one attempt in twenty is slow. Time is an argument.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass

MOST_TOKENS = 10.0
"""What quiet times may save up for a burst."""
LEAST_ATTEMPTS = 20
"""Of the last minute: fewer do not say what is ordinary, and nothing is hedged."""
AFTER_SHED_S = 1.0
"""How long after a shed request no other is hedged: the load is too high, not an arm slow."""
SLICE_S = 10.0
SLICES = 6
REFRESH_S = 1.0


@dataclass(frozen=True, slots=True)
class HedgeRules:
    after_ms: float
    """Never sooner."""
    most_share: float
    """Of the requests that try an arm outside the router."""


class RecentAttempts:
    """How long attempts of the last minute took, in whole milliseconds."""

    def __init__(self) -> None:
        self._slices: deque[tuple[int, Counter[int]]] = deque(maxlen=SLICES)

    def note(self, now_s: float, elapsed_ms: float) -> None:
        number = int(now_s // SLICE_S)
        if not self._slices or self._slices[-1][0] != number:
            self._slices.append((number, Counter()))
        self._slices[-1][1][int(elapsed_ms)] += 1

    def within_ms(self, now_s: float, share: float) -> float | None:
        """The time within which ``share`` of them ended, rounded up; None: too few to say."""
        oldest = int(now_s // SLICE_S) - SLICES
        counts: Counter[int] = Counter()
        for number, slice_counts in self._slices:
            if number > oldest:
                counts.update(slice_counts)
        total, ended = counts.total(), 0
        if total < LEAST_ATTEMPTS:
            return None
        for elapsed_ms in sorted(counts):
            ended += counts[elapsed_ms]
            if ended >= share * total:
                return elapsed_ms + 1.0
        return max(counts) + 1.0


class Hedging:
    """One per router."""

    def __init__(self, rules: HedgeRules) -> None:
        self._rules = rules
        self._tokens = 0.0
        self._shed_s: float | None = None
        self._recent: dict[str, RecentAttempts] = {}
        self._ordinary: dict[str, tuple[float, float | None]] = {}
        """By arm: when it was worked out, and the result."""

    def shed(self, now_s: float) -> None:
        """A request was shed, for whatever reason."""
        self._shed_s = now_s

    def ended(self, now_s: float, arm: str, elapsed_ms: float) -> None:
        """An attempt of a user's request ended by itself or at its deadline."""
        self._recent.setdefault(arm, RecentAttempts()).note(now_s, elapsed_ms)

    def begin(self, now_s: float, arm: str) -> float | None:
        """A request tries an arm: it adds to the budget. How long to wait before hedging it; None:
        nobody knows what is ordinary for this arm."""
        self._tokens = min(MOST_TOKENS, self._tokens + self._rules.most_share)
        known = self._ordinary.get(arm)
        if known is None or not 0.0 <= now_s - known[0] < REFRESH_S:
            recent = self._recent.get(arm)
            found = recent.within_ms(now_s, 1.0 - self._rules.most_share) if recent else None
            known = self._ordinary[arm] = (now_s, found)
        return None if known[1] is None else max(self._rules.after_ms, known[1])

    def take(self, now_s: float, *, breaker_closed: bool) -> bool:
        """Whether to hedge a request that has waited so long; takes a token if so."""
        is_shedding = self._shed_s is not None and now_s - self._shed_s < AFTER_SHED_S
        if not breaker_closed or is_shedding or self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True
