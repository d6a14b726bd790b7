"""How many requests of one router may wait for arms at once, learnt from how requests fare.

Additive increase, multiplicative decrease, a judgement a round. It looks at the whole and never at
an arm: at users' latency, at the event loop, and at whether the limit was needed at all. Time is an
argument; it holds no clock.
"""

from __future__ import annotations

from dataclasses import dataclass

from serving.routing.admission import AdmissionLimits, Load

_ONE_IN = 20
"""More than one answer in twenty is slow: the 95th percentile is."""


@dataclass(frozen=True, slots=True)
class LimitRules:
    """Raise ValueError where they could not be kept.

    After trouble that is over, the limit is back at ``start`` within
    (start - least) / step * round_s: 12 s.
    """

    start: int = 32
    least: int = 8
    most: int = 256
    step: int = 1
    cut: float = 0.7
    """What is left of the limit after a bad round."""
    slow_share: float = 0.25
    """Of the request deadline: an answer that took longer is slow."""
    loop_lag_ms: float = 30.0
    round_s: float = 0.5
    least_answers: int = 20
    """Fewer in a round say nothing of its 95th percentile."""

    def __post_init__(self) -> None:
        if not 1 <= self.least <= self.start <= self.most or self.step < 1:
            raise ValueError(f"a limit from {self.least} to {self.most} cannot begin at {self}")
        if not 0.0 < self.cut < 1.0 or not self.round_s > 0.0:
            raise ValueError(f"a cut leaves a share between 0 and 1, a round takes time: {self}")

    def slow_ms(self, request_deadline_ms: float) -> float:
        return self.slow_share * request_deadline_ms


@dataclass(slots=True)
class Round:
    """What was seen in one round: sums and maxima, so the order does not matter."""

    number: int
    answers: int = 0
    slow: int = 0
    most_in_flight: int = 0
    most_lag_ms: float = 0.0


def adapted(rules: LimitRules, limit: int, seen: Round) -> int:
    """The limit after a round.

    Slow answers cut it only where some request met it: below it nobody queues for want of a lower
    one, and an arm that is slow by itself is none of its business. A good round that did not need
    the limit brings it back towards the start, from either side: what was learnt grows old.
    """
    if seen.most_lag_ms > rules.loop_lag_ms:
        return max(rules.least, int(limit * rules.cut))
    if seen.answers < rules.least_answers:
        return limit
    if seen.slow * _ONE_IN > seen.answers:
        met = seen.most_in_flight >= limit
        return max(rules.least, int(limit * rules.cut)) if met else limit
    if 2 * seen.most_in_flight >= limit:
        return min(rules.most, limit + rules.step)
    if limit < rules.start:
        return min(rules.start, limit + rules.step)
    return max(rules.start, limit - rules.step)


class AdaptiveLimit:
    """One per router and event loop. Rounds are counted from time 0, so they need no state."""

    def __init__(self, rules: LimitRules | None = None) -> None:
        self.rules = rules or LimitRules()
        self.seen = Round(0)
        """The present round, or the last one in which a request came or was answered."""
        self._limits = AdmissionLimits(self.rules.start, self.rules.loop_lag_ms)

    @property
    def in_flight(self) -> int:
        return self._limits.in_flight

    def in_force(self, now_s: float, load: Load) -> AdmissionLimits:
        """The limits for a request that arrives now and finds ``load``. Ask once for each."""
        self._turn(now_s)
        seen = self.seen
        seen.most_in_flight = max(seen.most_in_flight, load.in_flight)
        seen.most_lag_ms = max(seen.most_lag_ms, load.loop_lag_ms)
        return self._limits

    def answered(self, now_s: float, latency_ms: float, request_deadline_ms: float) -> None:
        """A request that was admitted has its answer, whoever gave it. The deadline is the plan's:
        a client that asks for another one must not move what counts as slow."""
        self._turn(now_s)
        self.seen.answers += 1
        self.seen.slow += latency_ms > self.rules.slow_ms(request_deadline_ms)

    def _turn(self, now_s: float) -> None:
        number = int(now_s // self.rules.round_s)
        if number == self.seen.number:
            return
        limit = adapted(self.rules, self.in_flight, self.seen)
        if limit != self.in_flight:
            self._limits = AdmissionLimits(limit, self.rules.loop_lag_ms)
        self.seen = Round(number)
