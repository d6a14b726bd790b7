"""Filling the cache of slates: those of the users who came most often of late, of the planned arm.

Slates are made here, of the arm's model and features as its replicas make them, one at a time and
at a bounded rate: no user's request meets this but through Redis. What rests on defaults is not
kept, as in the router.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from controller.adapters.redis_connection import connect_async
from controller.core.plan import Plan, Work
from controller.settings import REDIS_PASSWORD_ENV, Settings
from models.bootstrap import INTERACTIONS
from models.interactions import read_interactions
from models.recommender import FeatureValues
from models.registry import Registry
from serving.arm_call import ArmAnswer, ArmQuery, slate_fault
from serving.features import FeatureReader
from serving.loaded_models import LoadedModels
from serving.response_cache import ResponseCache
from serving.workers.results import Done, Failed, Refused, Result, Stopping

LOOK_BACK_S = 900.0
"""How far back users are counted; what was served is on disk after 30 s."""
REDIS_TIMEOUT_S = 1.0


class Prewarm:
    """The task. Argument: arm."""

    def __init__(self, settings: Settings, now_s: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._registry = Registry(settings.data_dir / "artifacts")
        self._now_s = now_s

    def __call__(self, work: Work, plan: Plan, stopping: Stopping) -> Result:
        arm = str(work.arguments.get("arm", ""))
        if refusal := self._refusal(arm, plan):
            return Refused(refusal)
        models = LoadedModels(self._registry, (arm,))
        try:
            models.load({arm: plan.arms[arm].version})
        except Exception as error:  # noqa: BLE001  (a user's recommender may throw anything)
            return Failed(f"the model of {arm} cannot answer: {error!r}", again=False)
        if arm not in models:
            return Failed(f"no model of {arm} could be loaded")
        try:
            users = self._frequent_users(plan.cache_ttl_s)
        except (OSError, pa.ArrowInvalid) as error:
            return Failed(f"what was served lately cannot be read: {error}")
        if not users:
            return Failed(f"nobody was served in the last {LOOK_BACK_S / 60.0:.0f} min")
        return asyncio.run(self._fill(arm, models, users, plan.cache_ttl_s, stopping))

    def _refusal(self, arm: str, plan: Plan) -> str:
        """Why this cache can never be filled; empty: it can."""
        if arm not in plan.arms:
            return f"the plan has no arm {arm!r}, only {', '.join(plan.arms)}"
        settings = self._settings.arms.get(arm)
        if arm == self._settings.fallback_arm or (settings is not None and settings.in_process):
            return f"{arm} answers from memory, its slates are not cached"
        if plan.cache_ttl_s <= 0.0:
            return "the plan has the cache off (cache_ttl is 0)"
        return ""

    def _frequent_users(self, ttl_s: float) -> list[int]:
        """Hashes, most frequent first: no more than can be kept before the first expires."""
        limits = self._settings.prewarm
        most = min(limits.most_users, max(1, int(limits.users_per_s * ttl_s)))
        rows = read_interactions(
            self._settings.data_dir / INTERACTIONS, from_s=self._now_s() - LOOK_BACK_S
        )
        counted = [
            (each["values"], each["counts"])
            for each in pc.value_counts(rows["user_id"]).to_pylist()
        ]
        counted.sort(key=lambda each: (-each[1], each[0]))
        return [user for user, _ in counted[:most]]

    async def _fill(
        self,
        arm: str,
        models: LoadedModels,
        users: Sequence[int],
        ttl_s: float,
        stopping: Stopping,
    ) -> Result:
        settings = self._settings
        client = connect_async(
            settings.endpoints.redis, os.environ.get(REDIS_PASSWORD_ENV), REDIS_TIMEOUT_S
        )
        features = FeatureReader(client, settings.service, timeout_s=REDIS_TIMEOUT_S)
        cache = ResponseCache(client, time.monotonic)
        kept = 0
        try:
            if not await features.refresh():
                return Failed("features cannot be read from Redis")
            for user in users:
                if stopping():
                    return Failed(f"stopped after {kept} of {len(users)} users", again=False)
                served = await features.read(user)
                if not served.defaulted:
                    answer = _slate(arm, models, user, settings.slate_size, served.values)
                    if isinstance(answer, str):
                        return Failed(f"{arm} failed after {kept} users: {answer}", again=False)
                    await cache.write(arm, user, settings.slate_size, answer, ttl_s)
                    kept += not cache.errors
                if cache.errors or features.failed_reads:
                    return Failed(f"Redis went away after {kept} of {len(users)} users")
                await asyncio.sleep(1.0 / settings.prewarm.users_per_s)
        finally:
            await client.aclose()
        said = f"slates of {kept} of {len(users)} frequent users of {arm} are cached"
        return Done(said) if kept else Failed(f"{said}: features are missing")


def _slate(
    arm: str, models: LoadedModels, user: int, size: int, features: FeatureValues
) -> ArmAnswer | str:
    """A valid slate, since the router does not look at a kept one again; else what is wrong."""
    try:
        answer = models.recommend(arm, ArmQuery(b"", user, size, wants_inputs=False), features)
    except Exception as error:  # noqa: BLE001  (the same boundary)
        return repr(error)
    return slate_fault(answer, size) or answer
