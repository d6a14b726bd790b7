"""The same workload as one would write it with simpy: a process per user, a dict per row.

Arrivals, arms with replicas as Resources, a deadline by AnyOf, a cache, clicks after a delay, and
telemetry rows that are encoded each second. It knows neither faults nor `simulator/world`.
"""

from __future__ import annotations

import random
from collections.abc import Generator
from typing import Any

import pyarrow as pa
import simpy

from controller.settings import Settings
from controller.telemetry.rows import batch_from_rows
from controller.telemetry.schema import FEATURE, MODEL, OUTCOME, REPLICA, SERVED
from simulator.spec import WorldSpec

Process = Generator[simpy.Event, Any, None]
Row = dict[str, Any]
MODEL_EVERY_S = 30
LOCAL = "router"


class SimpyWorld:
    """``requests`` are those that came so far. Times of rows are seconds since 1970."""

    def __init__(self, settings: Settings, spec: WorldSpec, seed: int) -> None:
        self.requests = 0
        self._settings = settings
        self._spec = spec
        self._random = random.Random(seed)
        self._env = simpy.Environment()
        self._replicas = {
            arm: simpy.Resource(self._env, capacity=spec.arm(arm).replicas)
            for arm, set_up in settings.arms.items()
            if not set_up.in_process
        }
        self._cache: dict[tuple[int, str], float] = {}
        self._rows: dict[str, list[Row]] = {SERVED: [], OUTCOME: []}
        self._written_s = 0.0
        control = settings.control_share
        self._chances = {
            arm: (1.0 - control) * set_up.share + (control if arm == settings.fallback_arm else 0.0)
            for arm, set_up in settings.arms.items()
        }
        self._propensities = [{"arm": a, "chance": c} for a, c in self._chances.items()]
        self._env.process(self._arrivals())

    def second(self, number: int) -> list[tuple[str, pa.RecordBatch]]:
        """Live until the second is over; its telemetry by topic."""
        self._env.run(until=float(number))
        at_s = self._spec.start_s + number
        rows = {**self._rows, REPLICA: [self._router_row(at_s)]}
        self._rows = {SERVED: [], OUTCOME: []}
        if number % self._spec.feature_every_s == 0:
            self._written_s = float(number)
            rows[FEATURE] = [self._feature_row(at_s, g) for g in self._settings.feature_groups]
        if number % MODEL_EVERY_S == 1:
            rows[MODEL] = [self._model_row(at_s)]
        return [(topic, batch_from_rows(topic, each)) for topic, each in rows.items() if each]

    def _arrivals(self) -> Process:
        while True:
            yield self._env.timeout(self._random.expovariate(self._spec.traffic.rate_per_s))
            self.requests += 1
            self._env.process(self._request())

    def _request(self) -> Process:
        """Draw an arm, ask it or the cache, fall back at the deadline, tell, perhaps be clicked."""
        at_s, draw, env = self._env.now, self._random, self._env
        user = draw.randrange(self._spec.users.users)
        arm = draw.choices(list(self._chances), list(self._chances.values()))[0]
        attempts: list[Row] = []
        served_by, cache = arm, "miss"
        if arm not in self._replicas:
            yield env.timeout(self._local_s())
            attempts.append(self._attempt(arm, env.now - at_s, "ok", ""))
        elif self._cache.get((user, arm), 0.0) > at_s:
            cache = "hit"
            yield env.timeout(self._local_s())
            attempts.append(self._attempt(arm, 0.0, "skipped", "cache_hit"))
        else:
            answer = env.process(self._answer(arm))
            late = env.timeout(self._settings.arms[arm].deadline_ms / 1e3)
            yield simpy.AnyOf(env, [answer, late])
            if answer.processed:
                attempts.append(self._attempt(arm, env.now - at_s, "ok", ""))
                self._cache[user, arm] = env.now + self._settings.cache_ttl_s
            else:
                answer.interrupt()
                attempts.append(self._attempt(arm, env.now - at_s, "late", "deadline"))
                asked_s = env.now
                yield env.timeout(self._local_s())
                served_by = self._settings.fallback_arm
                attempts.append(self._attempt(served_by, env.now - asked_s, "ok", ""))
        request_id = bytes(2) + draw.randbytes(14)
        self._rows[SERVED].append(
            self._served_row(request_id, at_s, arm, served_by, cache, attempts, user)
        )
        if draw.random() < self._spec.users.ctr:
            yield env.timeout(draw.lognormvariate(1.386, self._spec.users.delay_spread))
            self._rows[OUTCOME].append(self._outcome_row(request_id, at_s, arm))

    def _answer(self, arm: str) -> Process:
        """Wait for a replica, then for its work. Interrupted at the deadline."""
        model = self._spec.arm(arm)
        with self._replicas[arm].request() as mine:
            try:
                yield mine
                yield self._env.timeout((model.batch_ms + model.item_ms) / 1e3)
            except simpy.Interrupt:
                return
        try:
            yield self._env.timeout(
                model.latency_ms / 1e3 * self._random.lognormvariate(0.0, model.spread)
            )
        except simpy.Interrupt:
            return

    def _local_s(self) -> float:
        return self._spec.local_ms / 1e3 * self._random.lognormvariate(0.0, 0.3)

    def _attempt(self, arm: str, took_s: float, result: str, reason: str) -> Row:
        return {
            "arm": arm,
            "model_version": "v1",
            "elapsed_ms": took_s * 1e3,
            "result": result,
            "reason": reason,
        }

    def _served_row(
        self,
        request_id: bytes,
        at_s: float,
        arm: str,
        served_by: str,
        cache: str,
        attempts: list[Row],
        user: int,
    ) -> Row:
        draw, settings, now_s = self._random, self._settings, self._env.now
        sampled = draw.random() < settings.input_sample_share
        ages = [{"group": g, "age_s": now_s - self._written_s} for g in settings.feature_groups]
        return {
            "request_id": request_id,
            "at_s": self._spec.start_s + at_s,
            "done_at_s": self._spec.start_s + now_s,
            "role": "user",
            "unit_id": int.from_bytes(request_id[8:], "big"),
            "bot": False,
            "evaluation_id": "",
            "arm": arm,
            "propensities": self._propensities,
            "plan_epoch": 0,
            "plan_revision": 0,
            "attempts": attempts,
            "served_by": served_by,
            "outcome": "ok",
            "latency_ms": (now_s - at_s) * 1e3,
            "queue_depth": len(self._replicas[arm].queue) if arm in self._replicas else 0,
            "cache": cache,
            "feature_ages": ages if arm in self._replicas else [],
            "defaulted": [],
            "inputs": [
                {"feature": f"input_{n}", "value": draw.gauss(0.0, 1.0)}
                for n in range(self._spec.inputs)
            ]
            if sampled
            else None,
            "user_id": user,
            **{f"segment.{name}": draw.choice(v) for name, v in settings.segments.items() if v},
        }

    def _outcome_row(self, request_id: bytes, served_s: float, arm: str) -> Row:
        now_s = self._spec.start_s + self._env.now
        return {
            "request_id": request_id,
            "event_id": self._random.randbytes(16),
            "kind": "click",
            "value": 1.0,
            "clicked_positions": [self._random.randrange(self._settings.slate_size)],
            "viewed_positions": list(range(self._settings.slate_size)),
            "at_s": now_s,
            "received_at_s": now_s,
            "served_at_s": self._spec.start_s + served_s,
            "arm": arm,
            "evaluation_id": "",
            "propensities": self._propensities,
        }

    def _router_row(self, at_s: float) -> Row:
        return {"at_s": at_s, "replica_id": LOCAL, "kind": "router", "telemetry_dropped": 0}

    def _feature_row(self, at_s: float, group: str) -> Row:
        rows = self._spec.users.users
        return {
            "at_s": at_s,
            "group": group,
            "event_at_s": at_s,
            "written_at_s": at_s,
            "rows": rows,
        }

    def _model_row(self, at_s: float) -> Row:
        edges = [-1.15, -0.67, -0.32, 0.0, 0.32, 0.67, 1.15]
        bins = {"edges": edges, "counts": [6_250] * 8, "null_count": 0}
        return {
            "at_s": at_s,
            "version": "v1",
            "arm": "primary",
            "status": "serving",
            "reference": [{"feature": f"input_{n}"} | bins for n in range(self._spec.inputs)],
        }
