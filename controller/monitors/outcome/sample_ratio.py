"""Whether arms get the requests that the logged propensities say: else no comparison is fair.

Every draw of a user's request counts, whatever came of it (bots too; outcomes are never joined). A
cache or a proxy before the router, or telemetry that loses one arm's rows, shows here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from controller.core.readings import Reading, SignalKey, SignalSpec
from controller.monitors.counting.batch_view import BatchView
from controller.monitors.counting.events import RowEvents
from controller.monitors.counting.slots import Slots
from controller.monitors.monitor import Arrays, Family, Monitor, Reader
from controller.monitors.tick import TickView
from controller.statistics.sample_ratio import HOUR_S, Draws, SampleRatio
from controller.telemetry.schema import SERVED

STEP_S = 10
SETTLING_S = 5.0
"""So long after the draw every row is here, also of an arm that is slow to answer."""
MOST_CHANCES = 256
"""Different (arm, chance) at a time; draws at others are left out whole, whoever was drawn."""
EVIDENCE = SignalSpec(
    "sample_ratio.evidence",
    "count",
    (),
    1_000,
    0.0,
    "log10 of the evidence that arms are not drawn as logged; at 3 one in 1,000 days by chance",
)
_OWN, _OTHERS = 0, 1


class SampleRatioTally:
    """A series per arm and chance, cells: drawn to the arm, drawn to another one."""

    def __init__(self) -> None:
        self.draws = Slots(2, most_series=MOST_CHANCES, step_s=STEP_S)

    def update(self, rows: BatchView) -> None:
        self.draws.count(rows.events("sample_ratio", _draws, "at_s"))

    def merge(self, other: SampleRatioTally) -> None:
        self.draws.merge(other.draws)

    def forget(self, before_s: float, after_s: float) -> None:
        self.draws.forget(before_s, after_s)

    def snapshot(self) -> Arrays:
        return self.draws.snapshot()

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.draws.restore(arrays)


def _draws(rows: BatchView) -> RowEvents:
    """One event per draw and arm that might have been drawn."""
    chances, drawn = rows.nested("propensities"), rows.labels("arm")
    arm, chance = chances.labels("arm"), chances.numbers("chance")
    counted = rows.labels("role").equal("user") & (drawn.codes >= 0) & rows.timely("at_s")
    kept = counted.take(chances.rows) & (arm.codes >= 0) & (chance > 0.0) & (chance < 1.0)
    chosen = np.flatnonzero(kept)
    at, arms = chances.rows[chosen], arm.codes[chosen]
    pairs, codes = _pairs(arms, chance[chosen])
    place_of = {name: place for place, name in enumerate(drawn.names)}
    drawn_code = np.array([*(place_of.get(name, -2) for name in arm.names), -2])
    return RowEvents.of(
        rows.row_count,
        tuple(f"{arm.names[own]}/{each!r}" for own, each in pairs),
        np.ones(chosen.size, dtype=np.bool_),
        at,
        codes,
        rows.timely_seconds("at_s")[at],
        np.where(drawn_code[arms] == drawn.codes[at], _OWN, _OTHERS),
    )


def _pairs(
    arms: NDArray[np.int64], chances: NDArray[np.float64]
) -> tuple[list[tuple[int, float]], NDArray[np.int64]]:
    """The different pairs of an arm and a chance, ascending, and the place of each given one."""
    # Chances are few, so told apart by hash rather than by sorting them all.
    coded = pa.array(chances).dictionary_encode()
    distinct: list[float] = coded.dictionary.to_pylist()
    order = sorted(range(len(distinct)), key=distinct.__getitem__)
    place = np.zeros(len(order), np.int64)
    place[order] = np.arange(len(order))
    each = arms * len(order) + place[coded.indices.to_numpy()]
    there = np.flatnonzero(np.bincount(each))
    codes = np.zeros(arms.size and int(there[-1]) + 1, np.int64)
    codes[there] = np.arange(there.size)
    pairs = [divmod(n, len(order)) for n in there.tolist()]
    return [(arm, distinct[order[at]]) for arm, at in pairs], codes[each]


class SampleRatioReader(Reader):
    """Bets once on each step of draws, when all of its rows are here."""

    def __init__(self, arms: Sequence[str]) -> None:
        self._place_of = {arm: place for place, arm in enumerate(arms)}
        self._process = SampleRatio(len(arms))
        self._begun_s = self._done_s = 0

    def advance(self, tally: SampleRatioTally, tick: TickView) -> None:
        known_s = min(float(tick.closed_s), tick.sources[SERVED].watermark_s) - SETTLING_S
        upto_s = math.floor(known_s / STEP_S) * STEP_S
        if not self._done_s:
            self._begun_s = self._done_s = max(upto_s, math.ceil(tick.started_s / STEP_S) * STEP_S)
        for step_s, table in tally.draws.tables(self._done_s, max(upto_s, self._done_s)):
            if step_s // HOUR_S != self._done_s // HOUR_S or not self._process.begun:
                self._process.begin()
            self._process.add(self._named(tally.draws.names(), table))
            self._done_s = step_s + STEP_S
        self._done_s = max(self._done_s, upto_s)

    def _named(self, names: Iterable[str], table: NDArray[np.int64]) -> list[Draws]:
        found = []
        for name, (own, others) in zip(names, table.tolist(), strict=False):
            arm, _, chance = name.rpartition("/")
            if arm in self._place_of and own + others:
                found.append(Draws(self._place_of[arm], float(chance), own, others))
        return found

    def families(self, tally: SampleRatioTally) -> tuple[Family, ...]:  # noqa: ARG002
        return (Family((EVIDENCE,)),)

    def reading(self, key: SignalKey, tally: SampleRatioTally, tick: TickView) -> Reading:  # noqa: ARG002
        window = (float(self._begun_s), float(self._done_s))
        value, draws = self._process.evidence_log10(), self._process.draws
        return tick.reading(EVIDENCE, (SERVED,), window, value, draws, "no draws between arms")

    def snapshot(self) -> Arrays:
        times = np.array([self._begun_s, self._done_s], dtype=np.int64)
        return {"times": times, **self._process.snapshot()}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        if not arrays:
            return
        self._begun_s, self._done_s = (int(time) for time in arrays["times"])
        self._process.restore(arrays["log_stakes"], arrays["counts"])


MONITOR = Monitor(
    "sample_ratio",
    (SERVED,),
    (EVIDENCE,),
    lambda _settings: SampleRatioTally(),
    lambda settings: SampleRatioReader(tuple(settings.arms)),
    every_s=10,
)
