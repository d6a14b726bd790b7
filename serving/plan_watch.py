"""Keeps a process's route table at the newest plan, and a person's override folded in.

Loaded once before anything is served, pushed by PUBLISH, re-read each second as the safety net.
Without Redis the plan held stays; without any plan the baseline from the settings routes.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from collections.abc import Callable

from controller.adapters.http_plan import HttpPlanChannel
from controller.adapters.plan_channel import PlanChannel, SyncPlanChannel
from controller.core.plan import Plan, plan_from_document
from controller.errors import BadInput, WorldError
from controller.ports import GENESIS
from controller.settings import PLAN_TOKEN_ENV, REDIS_PASSWORD_ENV, Settings
from serving.override_file import OVERRIDE_FILE, read_override
from serving.routing.table import RouteTable, plan_fault

REREAD_S = 1.0
LOAD_TIMEOUT_S = 1.0
_log = logging.getLogger(__name__)


def baseline_plan(settings: Settings) -> Plan:
    """What the settings say, as epoch 0: any published plan is newer."""
    return settings.baseline_plan(GENESIS)


class PlanWatch:
    """``on_change`` is called with each plan taken, in the event loop."""

    def __init__(
        self, settings: Settings, on_change: Callable[[Plan], None] = lambda _plan: None
    ) -> None:
        self._settings = settings
        self._on_change = on_change
        self._override_path = settings.data_dir / OVERRIDE_FILE
        self._override_fault = ""
        self._is_unread = False
        """The last reading failed, which is said once."""
        self.refused_plans = 0
        """Texts that were no plan of this format."""
        self.table = RouteTable(baseline_plan(settings))

    def load(self) -> None:
        """Read plan and override once; blocks for a second or two at most.

        Without an answer the plan held stays, which is the baseline at first.
        """
        channel = self._sync_channel()
        if channel is not None:
            try:
                self._take(channel.load_plan())
                self._is_unread = False
            except WorldError as error:
                if not self._is_unread:
                    _log.warning("routing by the plan held until a newer one is read: %s", error)
                self._is_unread = True
            finally:
                channel.close()
        self._read_override()

    async def run_forever(self) -> None:
        """Follow the plan until cancelled."""
        await asyncio.gather(self._follow(), self._reread())

    async def _follow(self) -> None:
        if not self._is_pushed:
            return
        channel = self._channel()
        while True:
            try:
                async for text in channel.watch():
                    self._take(text)
            except WorldError as error:
                _log.warning("the plan is not pushed: %s", error)
            await asyncio.sleep(REREAD_S)

    async def _reread(self) -> None:
        channel = self._channel() if self._is_pushed else None
        while True:
            await asyncio.sleep(REREAD_S)
            if channel is None:
                await asyncio.to_thread(self.load)
                continue
            self._read_override()
            try:
                self._take(await channel.load_plan())
            except WorldError:
                continue  # the plan held stays; who reports it says how old it is

    @property
    def _is_pushed(self) -> bool:
        endpoints = self._settings.endpoints
        return bool(endpoints.redis) and not endpoints.plan_url

    def _sync_channel(self) -> HttpPlanChannel | SyncPlanChannel | None:
        endpoints = self._settings.endpoints
        if endpoints.plan_url:
            token = os.environ.get(PLAN_TOKEN_ENV, "")
            return HttpPlanChannel(endpoints.plan_url, token, LOAD_TIMEOUT_S)
        if endpoints.redis:
            password = os.environ.get(REDIS_PASSWORD_ENV)
            return SyncPlanChannel(
                endpoints.redis, password, self._settings.service, LOAD_TIMEOUT_S
            )
        return None

    def _channel(self) -> PlanChannel:
        return PlanChannel(
            self._settings.endpoints.redis,
            os.environ.get(REDIS_PASSWORD_ENV),
            self._settings.service,
        )

    def _take(self, text: bytes | None) -> None:
        if text is None:
            return
        try:
            plan = plan_from_document(json.loads(text))
            fault = plan_fault(plan)
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            fault = f"not a plan: {error!r}"
        if fault is not None:
            self.refused_plans += 1
            _log.error("a published plan is refused: %s", fault)
            return
        if self.table.offer(plan):
            self._on_change(plan)

    def _read_override(self) -> None:
        try:
            override = read_override(self._override_path, self.table.held)
        except BadInput as error:
            override = None
            if str(error) != self._override_fault:
                _log.error("override not obeyed: %s", error)
            self._override_fault = str(error)
        if override is not None and override.expires_at_s <= time.time():
            override = None
        if override != self.table.override:
            _log.warning("override: %s", override if override is not None else "none")
            self.table.set_override(override)
