"""How much of each arm's capacity is left: 1 - throughput / capacity.

Capacity is learnt from the utilization law U = X D (Denning and Buzen 1978): over ten seconds, the
core-seconds that the arm's replicas used over the attempts that reached it are the demand D of one.
The demand believed is the median over the busier half of the last `KEPT` such spans with traffic
enough: an idling replica costs too, which few requests would be charged with. Capacity is then the
replicas' cores over D, where a replica has one core, or as many as one was ever seen to keep busy.

An arm answered inside the routers has no replicas: each router reports what it measured that its
core could answer, and capacity is the sum over the routers that report. Where both are known, the
lower holds. What waits for something other than its processor has less head-room than this says.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.core.readings import Reading, ReadingState, SignalKey, SignalSpec
from controller.monitors.counting.batch_view import BatchView
from controller.monitors.counting.nesting import nested, text_array, unnested
from controller.monitors.counting.slots import Slots
from controller.monitors.counting.sums import Sums
from controller.monitors.monitor import Arrays, Family, Monitor, Reader
from controller.monitors.system import columns
from controller.monitors.system.arms import SHADOWED, kinds
from controller.monitors.tick import TickView
from controller.settings import Settings
from controller.telemetry.schema import REPLICA, SERVED

STEP_S = 10
LEAST_ATTEMPTS = 100
"""In ten seconds: below it, what a replica does anyway would be charged to few requests."""
KEPT = 60
LEAST_SPANS = 6
MOST_CORES = 256.0
MICRO = 1e6
HEAD_ROOM = SignalSpec(
    "head_room",
    "share",
    ("arm",),
    0,
    float(STEP_S),
    "Share of the arm's capacity that is left, by what a request costs its processors",
    harm="low",
)
CAPACITY = SignalSpec(
    "arm_capacity_per_s",
    "per_s",
    ("arm",),
    0,
    float(STEP_S),
    "Attempts per second the arm bears: measured by its routers, or learnt from its replicas",
)
SPECS = (HEAD_ROOM, CAPACITY)
MOST_PER_S = 1e9
"""No capacity at all beyond this."""
_REACHED = np.array([columns.GOOD, columns.BAD, SHADOWED])
_REPORTS, _MICRO_CORES = 0, 1
_MILLI_PER_S = 1
MILLI = 1e3


class HeadRoomTally:
    """Attempts, replicas' reports and cores, and routers' capacities, by arm and ten seconds."""

    def __init__(self, arms: Sequence[str]) -> None:
        self.attempts = Slots(SHADOWED + 1, first=arms, step_s=STEP_S)
        self.cores = Sums(2, first=arms, step_s=STEP_S)
        self.measured = Sums(2, first=arms, step_s=STEP_S)

    def update(self, rows: BatchView) -> None:
        if rows.topic == SERVED:
            self.attempts.count(rows.events("arms.kinds", kinds, "done_at_s"))
            return
        arm, cpu = rows.labels("arm"), rows.numbers("cpu_share")
        known = (cpu >= 0.0) & (cpu <= MOST_CORES) & (arm.codes >= 0)
        mine = np.flatnonzero(known & rows.labels("kind").equal("arm"))
        codes, seconds = arm.codes[mine], rows.seconds("at_s")[mine]
        self.cores.add(arm.names, codes, seconds, np.full(mine.size, _REPORTS))
        micro = np.rint(cpu[mine] * MICRO)
        self.cores.weigh(arm.names, codes, seconds, _MICRO_CORES, micro)
        self._note_measured(rows)

    def _note_measured(self, rows: BatchView) -> None:
        told = rows.nested("capacities")
        if not told.holders.size:
            return
        arm, per_s = told.labels("arm"), told.numbers("per_s")
        of_router = rows.labels("kind").equal("router").take(told.rows)
        known = (per_s > 0.0) & (per_s <= MOST_PER_S) & (arm.codes >= 0) & of_router
        codes, seconds = arm.codes[known], rows.seconds("at_s").take(told.rows)[known]
        self.measured.add(arm.names, codes, seconds, np.full(codes.size, _REPORTS))
        milli = np.rint(per_s[known] * MILLI)
        self.measured.weigh(arm.names, codes, seconds, _MILLI_PER_S, milli)

    def merge(self, other: HeadRoomTally) -> None:
        self.attempts.merge(other.attempts)
        self.cores.merge(other.cores)
        self.measured.merge(other.measured)

    def forget(self, before_s: float, after_s: float) -> None:
        self.attempts.forget(before_s, after_s)
        self.cores.forget(before_s, after_s)
        self.measured.forget(before_s, after_s)

    def snapshot(self) -> Arrays:
        return nested(
            attempts=self.attempts.snapshot(),
            cores=self.cores.snapshot(),
            measured=self.measured.snapshot(),
        )

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.attempts.restore(unnested(arrays, "attempts"))
        self.cores.restore(unnested(arrays, "cores"))
        if measured := unnested(arrays, "measured"):  # an older release kept none
            self.measured.restore(measured)

    def reached(self, arm: str, window: tuple[float, float]) -> int:
        """Attempts that reached the arm, shadows included."""
        return int(self.attempts.window(arm, *window)[_REACHED].sum())

    def used(self, arm: str, window: tuple[float, float]) -> tuple[int, float]:
        """Replicas' reports, one a second from each, and core-seconds used."""
        reports, micro = self.cores.window(arm, *window).tolist()
        return reports, micro / MICRO

    def measured_per_s(self, arm: str, window: tuple[float, float]) -> float:
        """Sum over the routers that report, one report a second from each; 0: none reports."""
        _, milli = self.measured.window(arm, *window).tolist()
        return float(milli / MILLI / (window[1] - window[0]))


class HeadRoomReader(Reader):
    """Learns every ten seconds. By arm: (attempts, core-seconds per attempt) of each span."""

    def __init__(self, arms: Sequence[str]) -> None:
        self._arms = tuple(arms)
        self._spans: dict[str, deque[tuple[float, float]]] = {}
        self._cores: dict[str, float] = {}
        """The most a replica was seen to keep busy over a span, by arm."""

    def advance(self, tally: HeadRoomTally, tick: TickView) -> None:
        window = tick.window(STEP_S)
        if window[0] < tick.started_s or tick.trouble((SERVED, REPLICA), 0.0) is not None:
            return
        for arm in tally.cores.names():
            reports, core_s = tally.used(arm, window)
            attempts = tally.reached(arm, window)
            if reports:
                self._cores[arm] = max(self._cores.get(arm, 1.0), core_s / reports)
            if reports and core_s > 0.0 and attempts >= LEAST_ATTEMPTS:
                spans = self._spans.setdefault(arm, deque(maxlen=KEPT))
                spans.append((float(attempts), core_s / attempts))

    def families(self, tally: HeadRoomTally) -> tuple[Family, ...]:
        arms = dict.fromkeys((*self._arms, *tally.cores.names(), *tally.measured.names()))
        return (Family(SPECS, "arm", tuple(arms)),)

    def reading(self, key: SignalKey, tally: HeadRoomTally, tick: TickView) -> Reading:
        arm, window = key.labels[0][1], tick.window(key.window_s)
        reached, span_s = tally.reached(arm, window), window[1] - window[0]
        per_s = self._capacity_per_s(arm, tally, window, tick.started_s)
        spec = CAPACITY if key.name == CAPACITY.name else HEAD_ROOM
        if per_s is None:
            if tick.trouble((SERVED, REPLICA), key.window_s) is None:
                return _unknown(window, self._why_unknown(arm, tally, window))
            return tick.reading(spec, (SERVED, REPLICA), window, None, reached)
        left = max(0.0, 1.0 - reached / (per_s * span_s))
        value = per_s if spec is CAPACITY else left
        return tick.reading(spec, (SERVED, REPLICA), window, value, reached)

    def _capacity_per_s(
        self, arm: str, tally: HeadRoomTally, window: tuple[float, float], started_s: float
    ) -> float | None:
        """The lower of what routers measured and what was learnt of replicas, if either is known.

        Of a window that was not watched whole, some routers' reports may be missing.
        """
        (reports, _), demand_s = tally.used(arm, window), self._demand_s(arm)
        known = [tally.measured_per_s(arm, window) if window[0] >= started_s else 0.0]
        if demand_s is not None:
            # One report is one replica for one second.
            could_serve = reports * self._cores.get(arm, 1.0) / demand_s
            known.append(could_serve / (window[1] - window[0]))
        return min((each for each in known if each > 0.0), default=None)

    def _why_unknown(self, arm: str, tally: HeadRoomTally, window: tuple[float, float]) -> str:
        if not tally.used(arm, window)[0]:
            return "no replica reports its processor"
        return f"learnt from {len(self._spans.get(arm, ()))} of {LEAST_SPANS} busy spans"

    def _demand_s(self, arm: str) -> float | None:
        """Core-seconds that one attempt takes, once enough is known."""
        spans = self._spans.get(arm, ())
        if len(spans) < LEAST_SPANS:
            return None
        busier = sorted(spans, reverse=True)[: (len(spans) + 1) // 2]
        return float(np.median([demand_s for _, demand_s in busier]))

    def snapshot(self) -> Arrays:
        arms = list(self._cores)
        spans = [(n, *span) for n, arm in enumerate(arms) for span in self._spans.get(arm, ())]
        return {
            "arms": text_array(arms),
            "cores": np.array([self._cores[arm] for arm in arms], dtype=np.float64),
            "spans": np.array(spans, dtype=np.float64).reshape(-1, 3),
        }

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        if not arrays:
            return
        arms, spans = arrays["arms"].tolist(), arrays["spans"]
        if spans.ndim != 2 or spans.shape[1] != 3:
            raise ValueError("what was learnt of head-room is not in a shape this program writes")
        self._cores = dict(zip(arms, arrays["cores"].tolist(), strict=True))
        self._spans = {}
        for place, attempts, demand_s in spans.tolist():
            mine = self._spans.setdefault(arms[int(place)], deque(maxlen=KEPT))
            mine.append((attempts, demand_s))


def _unknown(window: tuple[float, float], note: str) -> Reading:
    return Reading(None, ReadingState.INSUFFICIENT, 0, *window, note)


def _tally(settings: Settings) -> HeadRoomTally:
    return HeadRoomTally(tuple(settings.arms))


def _reader(settings: Settings) -> HeadRoomReader:
    return HeadRoomReader(tuple(settings.arms))


MONITOR = Monitor("head_room", (SERVED, REPLICA), SPECS, _tally, _reader, every_s=STEP_S)
