"""How much of the traffic is bots, which count neither as requests nor as clicks of an arm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.core.readings import Reading, SignalKey, SignalSpec
from controller.monitors.counting.batch_view import BatchView
from controller.monitors.counting.events import ONE_SERIES, RowEvents
from controller.monitors.counting.slots import Slots
from controller.monitors.monitor import Arrays, Family, Monitor, Reader
from controller.monitors.tick import TickView
from controller.telemetry.schema import SERVED

STEP_S = 10
BOT_SHARE = SignalSpec(
    "bot_share",
    "share",
    (),
    200,
    300.0,
    "Share of requests in a user's role that a bot made",
    users_only=True,
)


class BotTally:
    """Requests of people (cell 0) and of bots (1)."""

    def __init__(self) -> None:
        self.requests = Slots(2, first=("",), step_s=STEP_S)

    def update(self, rows: BatchView) -> None:
        self.requests.count(rows.events("bots", _requests, "done_at_s"))

    def merge(self, other: BotTally) -> None:
        self.requests.merge(other.requests)

    def forget(self, before_s: float, after_s: float) -> None:
        self.requests.forget(before_s, after_s)

    def snapshot(self) -> Arrays:
        return self.requests.snapshot()

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.requests.restore(arrays)


def _requests(rows: BatchView) -> RowEvents:
    bots = (rows.numbers("bot") == 1.0).astype(np.int64)
    users = rows.labels("role").equal("user")
    return RowEvents.of(rows.row_count, ONE_SERIES, users, None, 0, rows.seconds("done_at_s"), bots)


class BotReader(Reader):
    def families(self, tally: BotTally) -> tuple[Family, ...]:  # noqa: ARG002
        return (Family((BOT_SHARE,)),)

    def reading(self, key: SignalKey, tally: BotTally, tick: TickView) -> Reading:
        window = tick.window(key.window_s)
        people, bots = tally.requests.window("", *window).tolist()
        total = people + bots
        value = bots / total if total else None
        return tick.reading(BOT_SHARE, (SERVED,), window, value, total, "no traffic")


MONITOR = Monitor(
    "bots",
    (SERVED,),
    (BOT_SHARE,),
    lambda _settings: BotTally(),
    lambda _settings: BotReader(),
    every_s=10,
)
