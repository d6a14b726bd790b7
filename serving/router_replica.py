"""A replica of the router: wires the parts once, and tends them in the background.

A plain class; `serving/deployments.py` makes a Ray Serve deployment of it.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from controller.adapters.redis_connection import connect_async
from controller.core.plan import Plan
from controller.errors import BadInput
from controller.settings import REDIS_PASSWORD_ENV, Settings
from controller.telemetry.schema import REPLICA
from serving.application import Application
from serving.arm_call import ArmQuery, PendingAnswer
from serving.http_arms import HttpArms, arm_urls
from serving.live_routers import LiveRouters
from serving.local_capacity import LocalCapacity
from serving.means import Means
from serving.own_recommenders import models_of
from serving.plan_watch import PlanWatch
from serving.replica_files import announce_replica
from serving.replica_report import ReplicaReport
from serving.response_cache import ResponseCache
from serving.router import Router
from serving.telemetry_buffer import open_telemetry, own_partition
from serving.token_key import token_key

RELOAD_S = 5.0
REDIS_TIMEOUT_S = 1.0


class HandleArms:
    """Arms behind Ray Serve handles."""

    def __init__(self, handles: Mapping[str, Any]) -> None:
        self._handles = handles

    def call(self, arm: str, query: ArmQuery) -> PendingAnswer:
        pending: PendingAnswer = self._handles[arm].recommend.remote(query)
        return pending


class RouterReplica:
    async def __init__(  # type: ignore[misc]
        self, settings_json: str, handles: Mapping[str, Any]
    ) -> None:
        """Ray Serve awaits it: plan and last resort are loaded before a request arrives."""
        settings = Settings.model_validate_json(settings_json)
        replica_id = f"router-{os.getpid()}"
        redis = connect_async(
            settings.endpoints.redis, os.environ.get(REDIS_PASSWORD_ENV), REDIS_TIMEOUT_S
        )
        self._watch = PlanWatch(settings, self._wake)
        self._models = models_of(settings, local_arms(settings))
        self._plan_changed = asyncio.Event()
        await asyncio.to_thread(self._watch.load)
        loaded = await asyncio.to_thread(self._models.load, self._wanted())
        if settings.fallback_arm not in self._models:
            raise BadInput(f"no model is registered for the fallback arm {settings.fallback_arm!r}")
        self._capacity = LocalCapacity(self._models, settings.slate_size)
        await asyncio.to_thread(self._capacity.measure, loaded)
        self._telemetry = open_telemetry(settings, replica_id)
        self._means = Means(
            settings=settings,
            table=self._watch.table,
            arms=HttpArms(arm_urls(settings), HandleArms(handles)),
            models=self._models,
            telemetry=self._telemetry,
            token_key=token_key(),
            cache=ResponseCache(redis, time.monotonic),
            partition=own_partition(settings, replica_id),
        )
        self._router = Router(self._means)
        self._application = Application(self._router, settings.service, dict(settings.segments))
        self._report = ReplicaReport(replica_id, "router", None)
        self._live_routers = LiveRouters(redis, settings.service, replica_id)
        announce_replica(settings.data_dir, "router", "all")
        self._tasks = [
            asyncio.create_task(work)
            for work in (
                self._watch.run_forever(),
                self._means.lag.beat_forever(),
                self._reload_forever(),
                self._report_forever(),
            )
        ]

    async def __call__(self, request: Request) -> Response:
        status, kind, body = await self._application.answer(request.scope, request.receive)
        return Response(body, status, media_type=kind.decode())

    def check_health(self) -> None:
        """A task of ours that ended is a mistake of ours: let Serve replace the replica."""
        for task in self._tasks:
            if task.done():
                task.result()

    def _wake(self, _plan: Plan) -> None:
        self._plan_changed.set()

    def _wanted(self) -> dict[str, str]:
        return {name: arm.version for name, arm in self._watch.table.held.arms.items()}

    async def _reload_forever(self) -> None:
        while True:
            try:
                async with asyncio.timeout(RELOAD_S):
                    await self._plan_changed.wait()
            except TimeoutError:
                pass
            self._plan_changed.clear()
            changed = await asyncio.to_thread(self._models.load, self._wanted())
            await asyncio.to_thread(self._capacity.measure, changed)

    async def _report_forever(self) -> None:
        while True:
            row = self._report.row(
                in_flight=self._router.in_flight,
                queue_depth=self._router.in_flight,
                dropped_rows=self._telemetry.dropped_rows(),
                version=self._models.version(self._means.settings.fallback_arm),
                plan=self._watch.table.held,
                capacities=self._capacity.per_s(),
            )
            self._telemetry.put(REPLICA, row)
            self._router.live_routers = await self._live_routers.announce(time.time())
            await asyncio.sleep(1.0)


def local_arms(settings: Settings) -> tuple[str, ...]:
    """Arms that answer in the router; the fallback arm always does, as the last resort."""
    named = [name for name, arm in settings.arms.items() if arm.in_process]
    return tuple(dict.fromkeys((*named, settings.fallback_arm)))


def deployed_arms(settings: Settings) -> tuple[str, ...]:
    """Arms with a deployment of their own: neither in the router nor elsewhere."""
    local = local_arms(settings)
    return tuple(name for name, arm in settings.arms.items() if name not in local and not arm.url)
