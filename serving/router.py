"""The router: one request's way from arrival to a valid slate.

The order is admission, draw, cache, breaker, attempt, last resort. Everything it needs is in
memory; Redis, Kafka and the arms may be gone. Knows neither HTTP nor Ray.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from controller.core.plan import Plan
from controller.telemetry.schema import SERVED
from serving.arm_attempt import Tried, ends_within, try_local, try_remote
from serving.arm_call import ArmAnswer, ArmQuery
from serving.feedback import Feedback
from serving.means import Means
from serving.prober import Prober
from serving.requests import RecommendRequest, check_segments
from serving.routing import admission, identity
from serving.routing.adaptive_limit import AdaptiveLimit
from serving.routing.deadline import Budget, requested_deadline_ms
from serving.routing.draw import Drawn, draw, uniform, unit_of
from serving.routing.hedge import HedgeRules, Hedging
from serving.routing.verdict import (
    CACHE_HIT,
    Outcome,
    breaker_reason,
    is_bad,
    is_degraded,
    request_outcome,
)
from serving.served_row import Asked, Attempt, Served
from serving.slate_token import slate_token

_INPUT_SALT = 0x1A9B_0C5D_77E3_F00D


@dataclass(frozen=True, slots=True)
class Slate:
    """What a user gets."""

    request_id: str
    answer: ArmAnswer
    served_by: str
    arm: str
    degraded: bool
    token: str


@dataclass(slots=True)
class _Way:
    """One request and what has happened to it so far."""

    asked: Asked
    plan: Plan
    budget: Budget
    load: admission.Load
    query: ArmQuery
    unit: int
    drawn: Drawn | None = None
    """None: shed before the draw."""
    attempts: list[Attempt] = field(default_factory=list)
    answer: ArmAnswer | None = None
    served_by: str = ""
    cache: str = "bypass"
    overtaken: asyncio.Task[Tried] | None = None
    """The attempt of the arm drawn, still under way though a hedge has answered."""


class Router:
    """One per replica; belongs to one event loop."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._prober = Prober(means)
        self._limit = AdaptiveLimit(means.limits)
        hedge = means.settings.hedge
        self._hedging = Hedging(HedgeRules(hedge.after_ms, hedge.most_share)) if hedge else None
        self.feedback = Feedback(means.telemetry, means.token_key)
        self.in_flight = 0
        self.live_routers = 1
        """Probe rates are for the whole service and divided by this."""

    @property
    def held_plan(self) -> Plan:
        return self._means.table.held

    async def recommend(
        self, request: RecommendRequest, arrived_s: float, deadline_header: str | None = None
    ) -> Slate:
        """Always a valid slate. ``arrived_s`` is monotonic. Raise BadInput on a bad segment."""
        check_segments(request.segments, self._means.settings.segments)
        way = self._begin(request, arrived_s, deadline_header)
        limits = self._limit.in_force(time.monotonic(), way.load)
        shed = admission.shed_reason(limits, way.load, way.plan.shed_share, way.unit)
        if shed is None:
            way.drawn = self._draw(way)
            self.in_flight += 1
            try:
                await self._try_drawn(way, way.drawn.arm)
            finally:
                self.in_flight -= 1
        elif self._hedging is not None:
            self._hedging.shed(time.monotonic())
        if way.answer is None:
            self._last_resort(way)
        slate = self._finish(way)
        if shed is None and admission.has_room_for_probes(limits, way.load):
            self._prober.start_due(way.plan, way.asked, way.query, self.live_routers)
        return slate

    def note_invalid(self, arrived_s: float) -> None:
        """Count a request that was refused for its body."""
        latency_ms = (time.monotonic() - arrived_s) * 1000.0
        request_id = self._means.new_request_id()
        asked = Asked(request_id, time.time() - latency_ms / 1000.0, 0, None, {}, 0)
        way = _Way(
            asked=asked,
            plan=self._means.table.held,
            budget=Budget(arrived_s, 0.0),
            load=admission.Load(self.in_flight, 0.0),
            query=ArmQuery(request_id, 0, 0, wants_inputs=False),
            unit=identity.request_unit(request_id),
        )
        self._write(way, "invalid", latency_ms)

    async def close(self) -> None:
        await self._means.background.close()

    def _begin(
        self, request: RecommendRequest, arrived_s: float, deadline_header: str | None
    ) -> _Way:
        means = self._means
        now_s = time.time()
        plan = means.table.effective(now_s)
        session = request.session_id
        asked = Asked(
            request_id=means.new_request_id(),
            at_s=now_s - (time.monotonic() - arrived_s),
            user_hash=means.hash_user(str(request.user_id)),
            session_hash=None if session is None else means.hash_session(session),
            segments=request.segments,
            k=request.k or means.settings.slate_size,
            bot=request.bot,
            product_feature_id=request.product_feature_id,
        )
        unit = identity.request_unit(asked.request_id)
        wants_inputs = uniform(unit, _INPUT_SALT) < means.settings.input_sample_share
        return _Way(
            asked=asked,
            plan=plan,
            budget=Budget(
                arrived_s, requested_deadline_ms(deadline_header, plan.request_deadline_ms)
            ),
            load=admission.Load(self.in_flight, means.lag.lag_ms),
            query=ArmQuery(asked.request_id, asked.user_hash, asked.k, wants_inputs),
            unit=unit,
        )

    def _draw(self, way: _Way) -> Drawn:
        asked, plan = way.asked, way.plan
        pair = plan.evaluation.arms if plan.evaluation else ()
        closed = self._means.book.all_closed(pair, time.monotonic())
        session = asked.user_hash if asked.session_hash is None else asked.session_hash
        way.unit = unit_of(plan, asked.request_id, asked.user_hash, session)
        return draw(plan, way.unit, asked.segments, both_closed=closed)

    async def _try_drawn(self, way: _Way, arm: str) -> None:
        means = self._means
        way.served_by = arm
        if arm in means.models:
            self._ask_locally(way, arm)
            return
        version = means.book.version(way.plan, arm)
        if await self._read_cache(way, arm, version):
            return
        breaker = means.book.breaker(arm)
        if not breaker.lets_users_through(time.monotonic()):
            reason = breaker_reason(breaker.last_probe_good)
            way.attempts.append(Attempt(arm, version, 0.0, "skipped", reason))
            return
        within_ms = way.budget.attempt_ms(time.monotonic(), way.plan.arms[arm].deadline_ms)
        tried = await self._hedged(way, arm, version, within_ms)
        if tried is not None:
            way.answer = tried.answer
            self._learn(way, arm, tried)

    async def _hedged(self, way: _Way, arm: str, version: str, within_ms: float) -> Tried | None:
        """Ask the arm. None: it is still at it, and the fallback has answered meanwhile."""
        means, hedging = self._means, self._hedging
        trying = try_remote(means.arms, arm, way.query, within_ms, version)
        after_ms = hedging.begin(time.monotonic(), arm) if hedging else None
        if hedging is None or after_ms is None or after_ms >= within_ms:
            return await trying
        attempt = asyncio.ensure_future(trying)
        if await ends_within(attempt, after_ms):
            return attempt.result()
        now_s = time.monotonic()
        is_closed = means.book.breaker(arm).lets_users_through(now_s)
        if not hedging.take(now_s, breaker_closed=is_closed):
            return await attempt
        self._ask_locally(way, means.settings.fallback_arm)
        if way.answer is None:
            return await attempt
        way.overtaken = attempt
        return None

    def _learn(self, way: _Way, arm: str, tried: Tried) -> None:
        """Tell row, breaker and cache what came of the attempt of the arm drawn."""
        way.attempts.insert(0, tried.attempt)
        now_s, result = time.monotonic(), tried.attempt.result
        if result != "skipped":
            self._means.book.breaker(arm).record(
                now_s, bad=is_bad(result), late=result == "late", jitter=self._means.jitter()
            )
            if self._hedging is not None:
                self._hedging.ended(now_s, arm, tried.attempt.elapsed_ms)
        self._means.book.note(arm, tried.answer)
        self._keep(way, arm, tried.answer)

    async def _await_overtaken(
        self, way: _Way, attempt: asyncio.Task[Tried], outcome: Outcome, latency_ms: float
    ) -> None:
        """Nobody waits for it, but it runs to its own deadline and is told as it went: an arm that
        hedges cut short would look well, or worse than it is. It still counts as in flight."""
        assert way.drawn is not None
        try:
            self._learn(way, way.drawn.arm, await attempt)
        except asyncio.CancelledError:
            arm = way.drawn.arm
            version = self._means.book.version(way.plan, arm)
            way.attempts.insert(0, Attempt(arm, version, latency_ms, "cancelled", "router closed"))
            raise
        finally:
            self.in_flight -= 1
            self._write(way, outcome, latency_ms)

    async def _read_cache(self, way: _Way, arm: str, version: str) -> bool:
        cache = self._means.cache
        if cache is None or way.plan.cache_ttl_s <= 0.0 or not version:
            return False
        way.answer = await cache.read(arm, version, way.asked.user_hash, way.asked.k)
        way.cache = "miss" if way.answer is None else "hit"
        if way.answer is not None:
            way.attempts.append(Attempt(arm, version, 0.0, "skipped", CACHE_HIT))
        return way.answer is not None

    def _keep(self, way: _Way, arm: str, answer: ArmAnswer | None) -> None:
        """Keep an answer for the user's next request, unless it rests on defaults."""
        cache, ttl_s = self._means.cache, way.plan.cache_ttl_s
        if cache is not None and answer is not None and not answer.defaulted and ttl_s > 0.0:
            write = cache.write(arm, way.asked.user_hash, way.asked.k, answer, ttl_s)
            self._means.background.spawn(write)

    def _last_resort(self, way: _Way) -> None:
        self._ask_locally(way, self._means.settings.fallback_arm)
        if way.answer is None:
            raise RuntimeError(f"the last resort failed: {way.attempts[-1].reason}")

    def _ask_locally(self, way: _Way, arm: str) -> None:
        tried = try_local(self._means.models, arm, way.query)
        way.attempts.append(tried.attempt)
        way.answer = tried.answer
        if tried.answer is not None:
            way.served_by = arm

    def _finish(self, way: _Way) -> Slate:
        assert way.answer is not None
        now_s = time.monotonic()
        latency_ms = way.budget.elapsed_ms(now_s)
        if way.drawn is not None:
            self._limit.answered(now_s, latency_ms, way.plan.request_deadline_ms)
        outcome = request_outcome(
            shed=way.drawn is None, latency_ms=latency_ms, deadline_ms=way.budget.deadline_ms
        )
        if way.overtaken is None:
            self._write(way, outcome, latency_ms)
        else:
            self.in_flight += 1
            rest = self._await_overtaken(way, way.overtaken, outcome, latency_ms)
            self._means.background.spawn(rest)
        arm = way.drawn.arm if way.drawn else None
        return Slate(
            request_id=way.asked.request_id.hex(),
            answer=way.answer,
            served_by=way.served_by,
            arm=arm or "",
            degraded=is_degraded(drawn=arm, served_by=way.served_by, outcome=outcome),
            token=slate_token(
                self._means.token_key,
                way.asked,
                way.drawn,
                way.answer,
                way.served_by,
                self._means.settings.attribution_window_s,
            ),
        )

    def _write(self, way: _Way, outcome: Outcome, latency_ms: float) -> None:
        served = Served(
            role="user",
            arm=way.drawn.arm if way.drawn else None,
            propensities=way.drawn.propensities if way.drawn else {},
            evaluation_id=way.drawn.evaluation_id if way.drawn else "",
            unit=way.unit,
            attempts=way.attempts,
            answer=way.answer,
            served_by=way.served_by or None,
            outcome=outcome,
            latency_ms=latency_ms,
            queue_depth=way.load.in_flight,
            cache=way.cache,
        )
        self._means.telemetry.put(SERVED, (way.asked, served, way.plan))
