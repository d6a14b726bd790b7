"""A replica of one arm: fetches its features, scores in memory, answers.

A plain class; `serving/deployments.py` makes a Ray Serve deployment of it. It follows the plan by
itself, so a new version is loaded in place and no replica restarts for it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import time
from dataclasses import replace

from controller.adapters.redis_connection import connect_async
from controller.core.plan import Plan
from controller.settings import REDIS_PASSWORD_ENV, Settings
from controller.telemetry.schema import MODEL, REPLICA
from models.errors import ModelError
from serving.arm_call import ArmAnswer, ArmQuery
from serving.fault_file import FAULTS_FILE, FaultFile, InjectedError
from serving.features import FeatureReader
from serving.loaded_models import LATEST
from serving.own_recommenders import arms_without_versions, models_of, open_registry
from serving.plan_watch import PlanWatch
from serving.replica_files import announce_replica
from serving.replica_report import MODEL_EVERY_S, ReplicaReport, model_row
from serving.telemetry_buffer import open_telemetry

RELOAD_S = 5.0
"""How often ``latest`` is looked up again; a changed plan is obeyed at once."""
_log = logging.getLogger(__name__)


class ModelNotLoaded(Exception):
    """No version of this arm is registered yet."""


class ArmReplica:
    async def __init__(self, settings_json: str, arm: str) -> None:  # type: ignore[misc]
        """Ray Serve awaits it: the model is loaded before the replica counts as healthy."""
        settings = Settings.model_validate_json(settings_json)
        self._arm = arm
        self._in_flight = 0
        self._registry = open_registry(settings)
        self._models = models_of(settings, (arm,))
        self._has_versions = arm not in arms_without_versions(settings)
        self._watch = PlanWatch(settings, self._wake)
        self._plan_changed = asyncio.Event()
        await asyncio.to_thread(self._watch.load)
        await asyncio.to_thread(self._models.load, self._wanted())
        store = connect_async(
            settings.endpoints.redis, os.environ.get(REDIS_PASSWORD_ENV), timeout_s=1.0
        )
        self._features = FeatureReader(store, settings.service)
        await self._features.refresh()
        self._features.start()
        faults = settings.data_dir / FAULTS_FILE
        self._faults = FaultFile(faults) if settings.faults_enabled else None
        replica_id = f"arm-{arm}-{os.getpid()}"
        self._telemetry = open_telemetry(settings, replica_id)
        self._report = ReplicaReport(replica_id, "arm", arm)
        announce_replica(settings.data_dir, "arm", arm)
        self._tasks = [
            asyncio.create_task(work)
            for work in (self._watch.run_forever(), self._reload_forever(), self._report_forever())
        ]

    async def recommend(self, query: ArmQuery) -> ArmAnswer:
        """Raise ModelNotLoaded, or whatever the model raises: the router takes it as an error."""
        self._in_flight += 1
        began_s = time.monotonic()
        try:
            if self._faults is not None:
                await self._obey_faults(self._faults)
            if self._arm not in self._models:
                raise ModelNotLoaded(self._arm)
            served = await self._features.read(query.user_hash)
            answer = self._models.answer(self._arm, query, served.values)
            return replace(
                answer,
                ages_s=served.ages_s,
                defaulted=served.defaulted,
                not_found=served.not_found,
                memory_mb_s=self._report.memory_mb_s(time.monotonic() - began_s, self._in_flight),
            )
        finally:
            self._in_flight -= 1
            self._report.note_attempt(time.monotonic() - began_s)

    def check_health(self) -> None:
        """A task of ours that ended is a mistake of ours: let Serve replace the replica."""
        for task in self._tasks:
            if task.done():
                task.result()

    async def _obey_faults(self, faults: FaultFile) -> None:
        fault = faults.of(self._arm, time.monotonic())
        if fault is None:
            return
        if fault.delay_ms > 0.0 and random.random() < fault.share:
            await asyncio.sleep(fault.delay_ms / 1000.0)
        if random.random() < fault.error_share:
            raise InjectedError(self._arm)

    def _wake(self, _plan: Plan) -> None:
        self._plan_changed.set()

    def _wanted(self) -> dict[str, str]:
        planned = self._watch.table.held.arms.get(self._arm)
        return {self._arm: planned.version if planned else LATEST}

    async def _reload_forever(self) -> None:
        while True:
            try:
                async with asyncio.timeout(RELOAD_S):
                    await self._plan_changed.wait()
            except TimeoutError:
                pass
            self._plan_changed.clear()
            if await asyncio.to_thread(self._models.load, self._wanted()):
                await self._report_model()

    async def _report_forever(self) -> None:
        beats = 0
        while True:
            if beats % int(MODEL_EVERY_S) == 0:
                await self._report_model()
            beats += 1
            row = self._report.row(
                in_flight=self._in_flight,
                queue_depth=self._in_flight,
                dropped_rows=self._telemetry.dropped_rows(),
                version=self._models.version(self._arm),
            )
            self._telemetry.put(REPLICA, row)
            await asyncio.sleep(1.0)

    async def _report_model(self) -> None:
        version = self._models.version(self._arm)
        if not version or not self._has_versions:
            return
        try:
            manifest = await asyncio.to_thread(self._registry.manifest, version)
        except ModelError as error:  # the loaded model goes on; its files are for the next one
            _log.error("arm %s cannot tell what it serves: %s", self._arm, error)
            return
        self._telemetry.put(MODEL, model_row(manifest, self._arm, self._registry.uri(version)))
