"""What the arms' slates are like: how much of the catalogue, how popular, how alike.

Items fall by hash into 4,096 cells, so memory does not grow with the catalogue. ``coverage`` is
linear counting (`controller.statistics.distinct`): distinct items the arm showed in the window, of
those that any arm showed in the last hour. ``popularity_share`` is the share of slots taken by the
ten most shown cells. Only users' slates count, under the arm that answered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.core.readings import Reading, ReadingState, SignalKey, SignalSpec
from controller.monitors.counting.batch_view import BatchView
from controller.monitors.counting.events import RowEvents
from controller.monitors.counting.nesting import nested, unnested
from controller.monitors.counting.slots import Slots
from controller.monitors.counting.sums import Sums
from controller.monitors.model.lessons import stepped
from controller.monitors.monitor import Arrays, Family, Monitor, Reader
from controller.monitors.system import columns
from controller.monitors.tick import TickView
from controller.statistics.distinct import CELLS, cells_of, distinct
from controller.telemetry.schema import SERVED

STEP_S = 60
MOST_ARMS = 8
KNOWN_S = 3_600.0
TOP_CELLS = 10
MICRO = 1e6
WINDOW_S = 300.0
COVERAGE = SignalSpec(
    "coverage",
    "share",
    ("arm",),
    1_000,
    WINDOW_S,
    "Distinct items in the arm's slates, of those any arm showed in the last hour",
    users_only=True,
)
POPULARITY = SignalSpec(
    "popularity_share",
    "share",
    ("arm",),
    1_000,
    WINDOW_S,
    "Share of the slots of the arm's slates that its ten most shown items take",
    users_only=True,
)
DIVERSITY = SignalSpec(
    "slate_diversity.mean",
    "value",
    ("arm",),
    100,
    WINDOW_S,
    "Mean over pairs of a slate's items of 1 minus their cosine, 0 to 2",
    users_only=True,
)
SPECS = (COVERAGE, POPULARITY, DIVERSITY)
_COUNT, _MICROS = 0, 1


class SlateTally:
    def __init__(self, arms: Sequence[str]) -> None:
        self.items = Slots(CELLS, first=arms, most_series=MOST_ARMS, step_s=STEP_S)
        self.diversity = Sums(2, first=arms, most_series=MOST_ARMS, step_s=STEP_S)

    def update(self, rows: BatchView) -> None:
        self.items.count(rows.events("slates.items", _items, "done_at_s"))
        events = rows.events("slates.diversity", _diversity, "done_at_s")
        self.diversity.count(events)
        chosen = events.whole.rows[events.start : events.end]
        micros = rows.made("slates.micros", _micros)[chosen]
        self.diversity.weigh(events.names, events.codes, events.seconds, _MICROS, micros)

    def merge(self, other: SlateTally) -> None:
        self.items.merge(other.items)
        self.diversity.merge(other.diversity)

    def forget(self, before_s: float, after_s: float) -> None:
        self.items.forget(before_s, after_s)
        self.diversity.forget(before_s, after_s)

    def snapshot(self) -> Arrays:
        return nested(items=self.items.snapshot(), diversity=self.diversity.snapshot())

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.items.restore(unnested(arrays, "items"))
        self.diversity.restore(unnested(arrays, "diversity"))


def _items(rows: BatchView) -> RowEvents:
    """Each slot of each user's slate, in its item's cell."""
    slate, by = rows.nested("slate"), rows.labels("served_by")
    cells = cells_of(slate.elements.field("item_id"))
    answered = columns.of_users(rows) & (by.codes >= 0)
    kept = answered.take(slate.rows) & (cells >= 0)
    codes, seconds = by.codes.take(slate.rows), columns.done_s(rows).take(slate.rows)
    return RowEvents.of(rows.row_count, by.names, kept, slate.rows, codes, seconds, cells)


def _diversity(rows: BatchView) -> RowEvents:
    by, diversity = rows.labels("served_by"), rows.numbers("slate_diversity")
    known = (diversity >= 0.0) & (diversity <= 2.0)
    kept = columns.of_users(rows) & (by.codes >= 0) & known
    cells = np.full(rows.row_count, _COUNT)
    return RowEvents.of(rows.row_count, by.names, kept, None, by.codes, columns.done_s(rows), cells)


def _micros(rows: BatchView) -> NDArray[np.float64]:
    return np.rint(rows.numbers("slate_diversity") * MICRO)


class SlateReader(Reader):
    """Remembers when each cell was last shown, by any arm."""

    def __init__(self) -> None:
        self._shown_s = np.full(CELLS, -np.inf)

    def advance(self, tally: SlateTally, tick: TickView) -> None:
        for at_s, table in tally.items.tables(tick.closed_s - 2 * STEP_S, tick.closed_s):
            shown = table.sum(axis=0) > 0
            np.maximum(self._shown_s, at_s + STEP_S, out=self._shown_s, where=shown)

    def families(self, tally: SlateTally) -> tuple[Family, ...]:
        return (Family(SPECS, "arm", tuple(tally.items.names())),)

    def reading(self, key: SignalKey, tally: SlateTally, tick: TickView) -> Reading:
        arm, window = key.labels[0][1], stepped(tick.window(key.window_s), STEP_S)
        idle = "the arm showed no slate"
        if key.name == DIVERSITY.name:
            count, micros = tally.diversity.window(arm, *window).tolist()
            mean = micros / MICRO / count if count else None
            return tick.reading(DIVERSITY, (SERVED,), window, mean, count, idle)
        counts, slots = tick.once((self, arm, window), lambda: _shown(tally, arm, window))
        if key.name == POPULARITY.name:
            # Most cells are empty: without them there is little to sort.
            top = int(np.sort(counts[counts > 0])[-TOP_CELLS:].sum())
            share = top / slots if slots else None
            return tick.reading(POPULARITY, (SERVED,), window, share, slots, idle)
        known = tick.once((self, "known"), lambda: self._known(tick))
        mine = distinct(int(np.count_nonzero(counts)))
        share = min(1.0, mine / known) if known else None
        reading = tick.reading(COVERAGE, (SERVED,), window, share, slots, idle)
        if reading.state is ReadingState.OK and tick.at_s - tick.started_s < KNOWN_S:
            note = f"the items there are are known after {KNOWN_S:.0f}s of watching"
            return Reading(None, ReadingState.INSUFFICIENT, slots, *window, note)
        return reading

    def _known(self, tick: TickView) -> float:
        """Distinct items that any arm showed lately."""
        return distinct(int(np.count_nonzero(self._shown_s >= tick.closed_s - KNOWN_S)))

    def snapshot(self) -> Arrays:
        return {"shown_s": self._shown_s}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        if not arrays:
            return
        shown_s = arrays["shown_s"]
        if shown_s.dtype != np.float64 or shown_s.shape != (CELLS,):
            raise ValueError("shown items are not in a shape this program writes")
        self._shown_s = shown_s.copy()


def _shown(
    tally: SlateTally, arm: str, window: tuple[float, float]
) -> tuple[NDArray[np.int64], int]:
    """By cell, and of all cells."""
    counts = tally.items.window(arm, *window)
    return counts, int(counts.sum())


MONITOR = Monitor(
    "slates",
    (SERVED,),
    SPECS,
    lambda settings: SlateTally(tuple(settings.arms)),
    lambda _settings: SlateReader(),
    every_s=10,
)
