"""Open-loop load: requests start when they are meant to, whatever became of the ones before.

Latency counts from the intended start, so a service that stalls cannot hide it by being asked
less (coordinated omission). What could not be sent is counted. Knows no faults and no report.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass

from simulator.live.wire import Service
from simulator.population.crowd import Crowd, Visit
from simulator.report.exchanges import Exchange


@dataclass(frozen=True, slots=True)
class Load:
    """How much, for how long, and the limits. A slate has ``slate_size`` items."""

    rate_per_s: float
    duration_s: float
    slate_size: int = 10
    in_flight_max: int = 256
    """A request that would exceed this is not sent, and counted."""


class Driver:
    """One run of load. ``exchanges`` and ``feedback_problems`` may be read while it runs.

    ``exchanges`` is in order of completion.
    """

    def __init__(self, crowd: Crowd, service: Service, load: Load) -> None:
        self._crowd = crowd
        self._service = service
        self._load = load
        self._asking: set[asyncio.Task[None]] = set()
        self._telling: set[asyncio.Task[None]] = set()
        self.exchanges: list[Exchange] = []
        self.feedback_sent = 0
        self.feedback_problems: Counter[str] = Counter()

    async def run(self) -> None:
        """Until the load is over and every answer and click is in. Cancelling stops all of it."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        wall_s = time.time() - start
        try:
            for visit in self._crowd.visits(self._load.rate_per_s):
                if visit.offset_s >= self._load.duration_s:
                    break
                intended = start + visit.offset_s
                await asyncio.sleep(max(0.0, intended - loop.time()))
                if len(self._asking) >= self._load.in_flight_max:
                    self.exchanges.append(Exchange(visit.number, wall_s + intended, sent=False))
                else:
                    _start(self._asking, self._ask(visit, intended, wall_s))
            while self._asking or self._telling:
                await asyncio.gather(*self._asking, *self._telling)
        finally:
            await self._stop()

    async def _ask(self, visit: Visit, intended: float, wall_s: float) -> None:
        loop = asyncio.get_running_loop()
        population = self._crowd.population
        sent_at = loop.time()
        answer = await self._service.recommend(
            population.user_ids[visit.user],
            self._load.slate_size,
            self._crowd.segments(visit.user),
            population.item_index,
        )
        done_at = loop.time()
        clicks = 0
        if not answer.problem:
            rows = [population.item_index[item] for item in answer.item_ids]
            look = self._crowd.look(visit, rows, wall_s + done_at)
            clicks = len(look.clicked)
            if look.clicked:
                _start(
                    self._telling,
                    self._tell(answer.token, look.clicked, look.viewed, look.delay_s),
                )
        self.exchanges.append(
            Exchange(
                visit.number,
                wall_s + intended,
                sent=True,
                latency_ms=(done_at - intended) * 1e3,
                service_ms=(done_at - sent_at) * 1e3,
                problem=answer.problem,
                served_by=answer.served_by,
                arm=answer.arm,
                degraded=answer.degraded,
                clicks=clicks,
            )
        )

    async def _tell(
        self, token: str, clicked: tuple[int, ...], viewed: tuple[int, ...], delay_s: float
    ) -> None:
        await asyncio.sleep(delay_s)
        self.feedback_sent += 1
        problem = await self._service.feedback(token, clicked, viewed)
        if problem:
            self.feedback_problems[problem] += 1

    async def _stop(self) -> None:
        """Leave no task behind. A failure of ours in one of them has already been raised."""
        left = [*self._asking, *self._telling]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


def _start(tasks: set[asyncio.Task[None]], work: "asyncio._CoroutineLike[None]") -> None:
    task: asyncio.Task[None] = asyncio.ensure_future(work)  # type: ignore[arg-type]
    tasks.add(task)
    task.add_done_callback(tasks.discard)
