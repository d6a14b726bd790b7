"""Probes: copies of live requests, sent to arms without a user waiting.

They tell how an arm does that gets no users, and they alone close a breaker. They are the first
thing dropped under load.
"""

from __future__ import annotations

import time
from dataclasses import replace

from controller.core.plan import Plan
from controller.telemetry.schema import SERVED
from serving.arm_attempt import Tried, try_local, try_remote
from serving.arm_call import ArmQuery
from serving.means import Means
from serving.routing.identity import request_unit
from serving.routing.probes import ProbeSchedule, probe_rates
from serving.routing.verdict import Outcome
from serving.served_row import Asked, Served

MOST_UNDER_WAY = 16
_OUTCOMES: dict[str, Outcome] = {"ok": "ok", "late": "late"}


class Prober:
    def __init__(self, means: Means) -> None:
        self._means = means
        self._schedule = ProbeSchedule()
        self._under_way = 0

    def start_due(self, plan: Plan, asked: Asked, query: ArmQuery, live_routers: int) -> None:
        """Send copies to the arms that the plan, or an open breaker, wants probed now."""
        now_s = time.monotonic()
        open_arms = self._means.book.not_closed(now_s) & frozenset(plan.arms)
        rates = probe_rates(plan.probe_per_s, open_arms, self._means.settings.probe_per_s)
        for arm in self._schedule.due(now_s, rates, live_routers):
            if arm in plan.arms and self._under_way < MOST_UNDER_WAY:
                copy = replace(asked, request_id=self._means.new_request_id(), at_s=time.time())
                copied_query = replace(query, request_id=copy.request_id)
                self._under_way += 1
                self._means.background.spawn(self._probe(plan, arm, copy, copied_query))

    async def _probe(self, plan: Plan, arm: str, asked: Asked, query: ArmQuery) -> None:
        try:
            tried = await self._try(plan, arm, query)
        finally:
            self._under_way -= 1
        self._means.book.note(arm, tried.answer)
        self._means.book.breaker(arm).record_probe(
            time.monotonic(), good=tried.attempt.result == "ok", jitter=self._means.jitter()
        )
        self._means.telemetry.put(SERVED, (asked, _as_served(arm, asked, tried), plan))

    async def _try(self, plan: Plan, arm: str, query: ArmQuery) -> Tried:
        if arm in self._means.models:
            return try_local(self._means.models, arm, query)
        version = self._means.book.version(plan, arm)
        return await try_remote(self._means.arms, arm, query, plan.arms[arm].deadline_ms, version)


def _as_served(arm: str, asked: Asked, tried: Tried) -> Served:
    return Served(
        role="probe",
        arm=arm,
        propensities={},
        evaluation_id="",
        unit=request_unit(asked.request_id),
        attempts=[tried.attempt],
        answer=tried.answer,
        served_by=arm if tried.answer is not None else None,
        outcome=_OUTCOMES.get(tried.attempt.result, "error"),
        latency_ms=tried.attempt.elapsed_ms,
        queue_depth=0,
        cache="bypass",
    )
