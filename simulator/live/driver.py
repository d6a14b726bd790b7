"""Open-loop load: requests start when they are meant to, whatever became of the ones before.

Latency counts from the intended start, so a service that stalls cannot hide it by being asked
less (coordinated omission). What could not be sent is counted. Knows no faults and no report.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass

from simulator.live.wire import Answer, Service
from simulator.population.crowd import Crowd, Look, Visit
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
        self._in_flight = 0
        self.exchanges: list[Exchange] = []
        self.feedback_sent = 0
        self.feedback_problems: Counter[str] = Counter()

    async def run(self) -> None:
        """Until the load is over and every answer and click is in. Cancelling stops all of it."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        wall_s = time.time() - start
        async with asyncio.TaskGroup() as tasks:
            for visit in self._crowd.visits(self._load.rate_per_s):
                if visit.offset_s >= self._load.duration_s:
                    break
                intended = start + visit.offset_s
                await asyncio.sleep(max(0.0, intended - loop.time()))
                if self._in_flight >= self._load.in_flight_max:
                    self.exchanges.append(Exchange(visit.number, wall_s + intended, sent=False))
                else:
                    self._in_flight += 1
                    tasks.create_task(self._serve(visit, intended, wall_s))

    async def _serve(self, visit: Visit, intended: float, wall_s: float) -> None:
        """One user: ask, look, and tell what was clicked. ``intended`` is in loop time."""
        loop = asyncio.get_running_loop()
        sent_at = loop.time()
        try:
            answer = await self._ask(visit)
        finally:
            self._in_flight -= 1
        done_at = loop.time()
        look = None if answer.problem else self._look(visit, answer, wall_s + done_at)
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
                clicks=len(look.clicked) if look else 0,
            )
        )
        if look and look.clicked:
            await asyncio.sleep(look.delay_s)
            await self._tell(answer.token, look)

    async def _ask(self, visit: Visit) -> Answer:
        population = self._crowd.population
        return await self._service.recommend(
            population.user_ids[visit.user],
            self._load.slate_size,
            self._crowd.segments(visit.user),
            population.item_index,
        )

    def _look(self, visit: Visit, answer: Answer, at_s: float) -> Look:
        rows = [self._crowd.population.item_index[item] for item in answer.item_ids]
        return self._crowd.look(visit, rows, at_s)

    async def _tell(self, token: str, look: Look) -> None:
        self.feedback_sent += 1
        problem = await self._service.feedback(token, look.clicked, look.viewed)
        if problem:
            self.feedback_problems[problem] += 1
