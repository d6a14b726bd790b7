"""The router: one request's way from arrival to a valid slate, and copies of it as probes.

The order is admission, draw, cache, breaker, attempt, last resort. Everything it needs is in
memory; Redis, Kafka and the arms may be gone. Knows neither HTTP nor Ray.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from controller.core.plan import Plan
from controller.errors import BadInput
from controller.settings import Settings
from controller.telemetry.schema import SERVED
from serving.arm_attempt import Tried, try_local, try_remote
from serving.arm_call import ArmAnswer, ArmCaller, ArmQuery
from serving.feedback import Feedback
from serving.feedback_token import TokenLabels, sign
from serving.local_arms import LATEST, LocalArms
from serving.loop_lag import LoopLag
from serving.requests import RecommendRequest, check_segments
from serving.response_cache import ResponseCache
from serving.routing import admission, identity
from serving.routing.breaker import Breaker
from serving.routing.deadline import Budget, requested_deadline_ms
from serving.routing.draw import Drawn, draw, uniform, unit_of
from serving.routing.probes import ProbeSchedule, probe_rates
from serving.routing.table import RouteTable
from serving.routing.verdict import (
    CACHE_HIT,
    AttemptResult,
    breaker_reason,
    is_bad,
    is_degraded,
    request_outcome,
)
from serving.served_row import Asked, Attempt, Served, served_row
from serving.telemetry_buffer import TelemetryBuffer

LEAST_TOKEN_LIFE_S = 60.0
MOST_PROBES_UNDER_WAY = 16
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


@dataclass(frozen=True, slots=True)
class Means:
    """What a router works with. ``jitter`` gives numbers in [0, 1)."""

    settings: Settings
    table: RouteTable
    arms: ArmCaller
    local: LocalArms
    telemetry: TelemetryBuffer
    token_key: bytes
    cache: ResponseCache | None = None
    partition: int = 0
    limits: admission.AdmissionLimits = admission.AdmissionLimits()
    lag: LoopLag = field(default_factory=LoopLag)
    jitter: Callable[[], float] = random.random
    random_bytes: Callable[[int], bytes] = os.urandom


@dataclass(slots=True)
class _Way:
    """What happened to a request so far."""

    attempts: list[Attempt]
    answer: ArmAnswer | None = None
    served_by: str = ""
    cache: str = "bypass"


class Router:
    """One per replica; belongs to one event loop."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._breakers: dict[str, Breaker] = {}
        self._versions: dict[str, str] = {}
        self._probes = ProbeSchedule()
        self._background: set[asyncio.Task[None]] = set()
        self._probes_under_way = 0
        self.feedback = Feedback(means.telemetry, means.token_key)
        self.in_flight = 0
        self.live_routers = 1
        self.arrived = 0

    @property
    def held_plan(self) -> Plan:
        return self._means.table.held

    async def recommend(
        self, request: RecommendRequest, arrived_s: float, deadline_header: str | None = None
    ) -> Slate:
        """Always a valid slate. ``arrived_s`` is monotonic. Raise BadInput on a bad segment."""
        means = self._means
        check_segments(request.segments, means.settings.segments)
        now_s = time.time()
        plan = means.table.effective(now_s)
        asked = self._asked(request, now_s - (time.monotonic() - arrived_s))
        budget = Budget(arrived_s, requested_deadline_ms(deadline_header, plan.request_deadline_ms))
        load = admission.Load(self.in_flight, means.lag.lag_ms)
        unit = identity.request_unit(asked.request_id)
        self.arrived += 1
        shed = admission.shed_reason(means.limits, load, plan.shed_share, unit)
        query = self._query(asked)
        if shed is not None:
            drawn, way = None, _Way([])
        else:
            drawn, unit = self._draw(plan, asked)
            self.in_flight += 1
            try:
                way = await self._try_drawn(plan, drawn, query, budget)
            finally:
                self.in_flight -= 1
        if way.answer is None:
            self._last_resort(way, query)
        slate = self._finish(asked, plan, drawn, unit, way, budget, load, shed is not None)
        if shed is None and admission.has_room_for_probes(means.limits, load):
            self._start_probes(plan, asked, query)
        return slate

    def note_invalid(self, arrived_s: float) -> None:
        """Count a request that was refused for its body."""
        latency_ms = (time.monotonic() - arrived_s) * 1000.0
        asked = Asked(self._new_id(), time.time() - latency_ms / 1000.0, 0, None, {}, 0)
        self._write(asked, self._means.table.held, _invalid(asked, latency_ms, self.in_flight))

    async def close(self) -> None:
        for task in tuple(self._background):
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)

    def _asked(self, request: RecommendRequest, at_s: float) -> Asked:
        key = self._means.token_key
        session = request.session_id
        return Asked(
            request_id=self._new_id(),
            at_s=at_s,
            user_hash=identity.hash_user(key, str(request.user_id)),
            session_hash=None if session is None else identity.hash_session(key, session),
            segments=request.segments,
            k=request.k or self._means.settings.slate_size,
            bot=request.bot,
            product_feature_id=request.product_feature_id,
        )

    def _new_id(self) -> bytes:
        random_part = self._means.random_bytes(identity.RANDOM_BYTES)
        return identity.request_id(self._means.partition, random_part)

    def _query(self, asked: Asked) -> ArmQuery:
        point = uniform(identity.request_unit(asked.request_id), _INPUT_SALT)
        wants = point < self._means.settings.input_sample_share
        return ArmQuery(asked.request_id, asked.user_hash, asked.k, wants)

    def _draw(self, plan: Plan, asked: Asked) -> tuple[Drawn, int]:
        now_s = time.monotonic()
        pair = plan.evaluation.arms if plan.evaluation else ()
        closed = all(self._breaker(arm).lets_users_through(now_s) for arm in pair)
        unit = unit_of(
            plan, asked.request_id, asked.user_hash, asked.session_hash or asked.user_hash
        )
        return draw(plan, unit, asked.segments, both_closed=closed), unit

    async def _try_drawn(self, plan: Plan, drawn: Drawn, query: ArmQuery, budget: Budget) -> _Way:
        arm = drawn.arm
        if arm in self._means.local:
            tried = try_local(self._means.local, arm, query)
            return _Way([tried.attempt], tried.answer, arm)
        way = _Way([], None, arm)
        version = self._version(plan, arm)
        if await self._read_cache(way, plan, arm, version, query):
            return way
        breaker = self._breaker(arm)
        if not breaker.lets_users_through(time.monotonic()):
            reason = breaker_reason(breaker.last_probe_good)
            way.attempts.append(Attempt(arm, version, 0.0, "skipped", reason))
            return way
        within_ms = budget.attempt_ms(time.monotonic(), plan.arms[arm].deadline_ms)
        tried = await try_remote(self._means.arms, arm, query, within_ms, version)
        way.attempts.append(tried.attempt)
        result: AttemptResult = tried.attempt.result
        if result != "skipped":
            breaker.record(
                time.monotonic(),
                bad=is_bad(result),
                late=result == "late",
                jitter=self._means.jitter(),
            )
        way.answer = tried.answer
        if tried.answer is not None:
            self._keep(plan, arm, query, tried.answer)
        return way

    async def _read_cache(
        self, way: _Way, plan: Plan, arm: str, version: str, query: ArmQuery
    ) -> bool:
        cache = self._means.cache
        if cache is None or plan.cache_ttl_s <= 0.0 or not version:
            return False
        way.answer = await cache.read(arm, version, query.user_hash, query.k)
        way.cache = "miss" if way.answer is None else "hit"
        if way.answer is not None:
            way.attempts.append(Attempt(arm, version, 0.0, "skipped", CACHE_HIT))
        return way.answer is not None

    def _keep(self, plan: Plan, arm: str, query: ArmQuery, answer: ArmAnswer) -> None:
        """Remember which version answers, and its answer unless it rests on defaults."""
        self._versions[arm] = answer.version
        cache = self._means.cache
        if cache is not None and plan.cache_ttl_s > 0.0 and not answer.defaulted:
            self._spawn(cache.write(arm, query.user_hash, query.k, answer, plan.cache_ttl_s))

    def _last_resort(self, way: _Way, query: ArmQuery) -> None:
        local = self._means.local
        tried = try_local(local, local.last_resort, query)
        way.attempts.append(tried.attempt)
        way.answer, way.served_by = tried.answer, local.last_resort
        if tried.answer is None:
            raise RuntimeError(f"the last resort failed: {tried.attempt.reason}")

    def _finish(
        self,
        asked: Asked,
        plan: Plan,
        drawn: Drawn | None,
        unit: int,
        way: _Way,
        budget: Budget,
        load: admission.Load,
        shed: bool,
    ) -> Slate:
        assert way.answer is not None
        latency_ms = budget.elapsed_ms(time.monotonic())
        outcome = request_outcome(shed=shed, latency_ms=latency_ms, deadline_ms=budget.deadline_ms)
        arm = drawn.arm if drawn else None
        chances: Mapping[str, float] = drawn.propensities if drawn else {}
        evaluation_id = drawn.evaluation_id if drawn else ""
        served = Served(
            role="user",
            arm=arm,
            propensities=chances,
            evaluation_id=evaluation_id,
            unit=unit,
            attempts=way.attempts,
            answer=way.answer,
            served_by=way.served_by,
            outcome=outcome,
            latency_ms=latency_ms,
            queue_depth=load.in_flight,
            cache=way.cache,
            inputs=way.answer.inputs,
        )
        self._write(asked, plan, served)
        life_s = max(LEAST_TOKEN_LIFE_S, self._means.settings.attribution_window_s)
        labels = TokenLabels(
            asked.request_id,
            arm or "",
            evaluation_id,
            chances,
            asked.at_s,
            asked.at_s + life_s,
            len(way.answer.item_ids),
        )
        degraded = is_degraded(drawn=arm, served_by=way.served_by, outcome=outcome)
        token = sign(self._means.token_key, labels)
        return Slate(asked.request_id.hex(), way.answer, way.served_by, arm or "", degraded, token)

    def _start_probes(self, plan: Plan, asked: Asked, query: ArmQuery) -> None:
        """Copies of this request, to arms the plan or an open breaker wants probed."""
        now_s = time.monotonic()
        open_arms = frozenset(
            arm
            for arm, breaker in self._breakers.items()
            if arm in plan.arms and not breaker.lets_users_through(now_s)
        )
        rates = probe_rates(plan.probe_per_s, open_arms, self._means.settings.probe_per_s)
        for arm in self._probes.due(now_s, rates, self.live_routers):
            if arm in plan.arms and self._probes_under_way < MOST_PROBES_UNDER_WAY:
                copy = replace(asked, request_id=self._new_id(), at_s=time.time())
                self._probes_under_way += 1
                self._spawn(
                    self._probe(plan, arm, copy, replace(query, request_id=copy.request_id))
                )

    async def _probe(self, plan: Plan, arm: str, asked: Asked, query: ArmQuery) -> None:
        try:
            tried = await self._try_probe(plan, arm, query)
        finally:
            self._probes_under_way -= 1
        result = tried.attempt.result
        self._breaker(arm).record_probe(
            time.monotonic(), good=result == "ok", jitter=self._means.jitter()
        )
        if tried.answer is not None:
            self._versions[arm] = tried.answer.version
        served = Served(
            role="probe",
            arm=arm,
            propensities={},
            evaluation_id="",
            unit=identity.request_unit(asked.request_id),
            attempts=[tried.attempt],
            answer=tried.answer,
            served_by=arm if tried.answer is not None else None,
            outcome="ok" if result == "ok" else "late" if result == "late" else "error",
            latency_ms=tried.attempt.elapsed_ms,
            queue_depth=self.in_flight,
            cache="bypass",
            inputs=tried.answer.inputs if tried.answer is not None else None,
        )
        self._write(asked, plan, served)

    async def _try_probe(self, plan: Plan, arm: str, query: ArmQuery) -> Tried:
        if arm in self._means.local:
            return try_local(self._means.local, arm, query)
        version, deadline_ms = self._version(plan, arm), plan.arms[arm].deadline_ms
        return await try_remote(self._means.arms, arm, query, deadline_ms, version)

    def _version(self, plan: Plan, arm: str) -> str:
        """The version the arm answers with: as planned, else as last seen; empty if unknown."""
        planned = plan.arms[arm].version
        return self._versions.get(arm, "") if planned == LATEST else planned

    def _breaker(self, arm: str) -> Breaker:
        return self._breakers.setdefault(arm, Breaker())

    def _write(self, asked: Asked, plan: Plan, served: Served) -> None:
        self._means.telemetry.put(SERVED, served_row(asked, served, plan))

    def _spawn(self, work: object) -> None:
        task: asyncio.Task[None] = asyncio.ensure_future(work)  # type: ignore[arg-type]
        self._background.add(task)
        task.add_done_callback(self._background.discard)


def _invalid(asked: Asked, latency_ms: float, queue_depth: int) -> Served:
    return Served(
        role="user",
        arm=None,
        propensities={},
        evaluation_id="",
        unit=identity.request_unit(asked.request_id),
        attempts=[],
        answer=None,
        served_by=None,
        outcome="invalid",
        latency_ms=latency_ms,
        queue_depth=queue_depth,
        cache="bypass",
    )


__all__ = ["BadInput", "Means", "Router", "Slate"]
