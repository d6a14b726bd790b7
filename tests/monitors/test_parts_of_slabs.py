"""A slab counted part by part is a slab counted row by row, wherever and in whatever order cut."""

from __future__ import annotations

import itertools
import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.monitors.counting.batch_view import BatchView
from controller.monitors.counting.events import Events, RowEvents
from controller.monitors.counting.slots import Slots
from controller.monitors.layers import MONITORS
from controller.monitors.monitor import Monitor
from controller.telemetry.rows import batch_from_rows
from controller.telemetry.slab import Slab
from tests.monitors.test_exact_in_any_order import content, new_tally, random_rows

CELLS = 3
NAMES = ("primary", "challenger", "not a label!", "late", "later")
Row = list[tuple[int, int, int]]
"""(code, second, cell) of each event of a row."""


def random_slab(generator: random.Random) -> list[Row]:
    """Rows nearly in order of time, some late, some without any event."""
    many = generator.randrange(1, 60)
    used = generator.randrange(1, len(NAMES) + 1)
    return [
        [
            (generator.randrange(used), 100 + at // 5 - late, generator.randrange(CELLS))
            for late in generator.choices([0, 0, 0, -1, 1, 30], k=generator.randrange(3))
        ]
        for at in range(many)
    ]


def events_of(slab: list[Row]) -> RowEvents:
    events = [(row, *event) for row, found in enumerate(slab) for event in found]
    rows, codes, seconds, cells = np.array(events, np.int64).reshape(-1, 4).T
    every = np.ones(len(events), dtype=np.bool_)
    return RowEvents.of(len(slab), NAMES, every, rows, codes, seconds, cells)


def cuts(rows: int, generator: random.Random) -> list[tuple[int, int]]:
    """Every row in one part, some parts empty, in any order."""
    marks = sorted([0, rows, *generator.choices(range(rows + 1), k=generator.randrange(8))])
    found = list(itertools.pairwise(marks))
    generator.shuffle(found)
    return found


def counted(slots: Slots) -> Counter[tuple[str, int, int]]:
    return Counter(
        {
            (name, second, cell): int(count)
            for name in slots.names()
            for second, counts in slots.between(name, 0.0, 1_000.0)
            for cell, count in enumerate(counts)
            if count
        }
    )


@given(seed=st.integers(0, 2**32), bounded=st.booleans(), step_s=st.sampled_from([1, 5]))
@settings(max_examples=60)
def test_parts_in_any_order_count_as_their_rows(seed: int, bounded: bool, step_s: int) -> None:
    """Parts of several slabs, into two counters that learn series and are restored between."""
    generator = random.Random(seed)
    slabs = [random_slab(generator) for _ in range(3)]
    wholes = [events_of(slab) for slab in slabs]
    parts = [(n, *cut) for n, slab in enumerate(slabs) for cut in cuts(len(slab), generator)]
    generator.shuffle(parts)

    def counter(*first: str) -> Slots:
        return Slots(CELLS, first=first, most_series=4, step_s=step_s)

    sliced, alone = ([counter("primary") for _ in range(2)] for _ in range(2))
    plain: list[Counter[tuple[int, int]]] = [Counter(), Counter()]
    for n, start, end in parts:
        at = generator.randrange(2)
        events = [event for row in slabs[n][start:end] for event in row]
        codes, seconds, cells = np.array(events, np.int64).reshape(-1, 3).T
        bounds = (seconds.min() - 1, seconds.max() + 1) if bounded and events else None
        sliced[at].count(wholes[n].within(start, end, bounds))
        alone[at].count(Events.all_of(NAMES, codes, seconds, cells))
        plain[at].update((second // step_s * step_s, cell) for _, second, cell in events)
        assert sliced[at].names() == alone[at].names()
        start_s = 90.0 + generator.randrange(20)
        window = (start_s, start_s + 10.0)
        for name in alone[at].names():
            found, wanted = sliced[at].window(name, *window), alone[at].window(name, *window)
            assert found.tolist() == wanted.tolist()
        if generator.random() < 0.2:
            saved = sliced[at].snapshot()
            sliced[at], alone[at] = counter("late", "primary"), counter("late", "primary")
            sliced[at].restore(saved)
            alone[at].restore(saved)
    for at in range(2):
        assert counted(sliced[at]) == counted(alone[at])
        totals: Counter[tuple[int, int]] = Counter()
        for (_, second, cell), count in counted(sliced[at]).items():
            totals[second, cell] += count
        assert totals == plain[at]


def test_a_series_is_seen_only_once_its_first_event_has_come() -> None:
    whole = events_of([[(0, 100, 0)], [(0, 100, 1)], [(1, 101, 0)], [(0, 101, 2)]])
    slots = Slots(CELLS, first=("primary",))
    slots.count(whole.within(0, 1, None))
    assert slots.names() == ["primary"]
    slots.count(whole.within(2, 3, None))
    slots.count(whole.within(3, 4, None))
    assert slots.names() == ["primary", "challenger"]
    assert slots.window("primary", 100.0, 102.0).tolist() == [1, 0, 1]


@pytest.mark.parametrize("monitor", MONITORS, ids=lambda monitor: monitor.name)
@given(seed=st.integers(0, 2**32))
@settings(max_examples=15)
def test_every_tally_is_the_same_by_parts_and_by_rows(monitor: Monitor, seed: int) -> None:
    generator, rows = random.Random(seed), random_rows(seed)
    by_part, by_row = new_tally(monitor), new_tally(monitor)
    for topic in monitor.topics:
        if not rows[topic]:
            continue
        batch = batch_from_rows(topic, rows[topic])
        slab = Slab(batch)
        for start, end in cuts(batch.num_rows, generator):
            if start < end:
                by_part.update(BatchView(topic, 0, slab.part(start, end - start)))
        for row in range(batch.num_rows):
            by_row.update(BatchView(topic, 0, batch.slice(row, 1)))
    assert content(by_part) == content(by_row)
