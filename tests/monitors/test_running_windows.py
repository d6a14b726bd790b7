"""A window that slides holds what summing its seconds anew would give, whatever happens between."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.monitors.counting.running_windows import MOST_WINDOWS
from controller.monitors.counting.slots import Slots

NAMES = ("primary", "fallback", "challenger", "later", "and-later")
CELLS = 3


class Plain:
    """Slots as anybody would write them."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, int, int]] = Counter()

    def add(self, name: str, second: int, cell: int) -> None:
        self.counts[name, second, cell] += 1

    def window(self, name: str, first: int, after: int) -> list[int]:
        return [
            sum(self.counts[name, second, cell] for second in range(first, after))
            for cell in range(CELLS)
        ]

    def forget(self, first: int, last: int) -> None:
        self.counts = Counter({k: n for k, n in self.counts.items() if first <= k[1] <= last})


def add(slots: Slots, plain: Plain, generator: random.Random, around_s: int) -> None:
    """A batch of events, some late, some early, in one go."""
    spread_s = generator.choice([0, 1, 12])
    size = generator.randrange(1, 9)
    codes = [generator.randrange(len(NAMES)) for _ in range(size)]
    seconds = [around_s + generator.randint(-spread_s, spread_s // 2) for _ in range(size)]
    cells = [generator.randrange(CELLS) for _ in range(size)]
    slots.add(NAMES, np.array(codes), np.array(seconds), np.array(cells))
    for code, second, cell in zip(codes, seconds, cells, strict=True):
        plain.add(NAMES[code], second, cell)


@given(seed=st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_a_running_window_is_the_sum_of_its_slots(seed: int) -> None:
    generator = random.Random(seed)
    slots, plain = Slots(CELLS, first=("primary",)), Plain()
    now_s = 1_000
    for _ in range(40):
        now_s += generator.choice([0, 1, 1, 1, 2, 30])
        what = generator.choice(["add", "add", "add", "forget", "merge", "restore"])
        if what == "add":
            add(slots, plain, generator, now_s)
        elif what == "forget":
            slots.forget(now_s - 20, now_s + 2)
            plain.forget(now_s - 20, now_s + 2)
        elif what == "merge":
            other = Slots(CELLS)
            add(other, plain, generator, now_s)
            slots.merge(other)
        else:
            other = Slots(CELLS, first=("primary",))
            other.restore(slots.snapshot())
            slots = other
        for length_s in generator.sample([1, 5, 8, 40], 2):
            name, end_s = generator.choice(NAMES), now_s + generator.choice([0, 0, 0, -3])
            found = slots.window(name, end_s - length_s, end_s)
            assert found.tolist() == plain.window(name, end_s - length_s, end_s)


@given(seed=st.integers(0, 2**32))
@settings(max_examples=20, deadline=None)
def test_slots_that_are_not_empty_come_in_order_with_their_sizes(seed: int) -> None:
    generator = random.Random(seed)
    slots, plain = Slots(CELLS, step_s=5), Plain()
    for _ in range(6):
        add(slots, plain, generator, 1_000)
        between = slots.between("primary", 980, 1_010)
        sums = [plain.window("primary", s, s + 5) for s in range(980, 1_010, 5)]
        assert [counts.tolist() for _, counts in between] == [c for c in sums if any(c)]
        sizes = slots.sizes("primary", 980, 1_010)
        assert sizes == [int(counts.sum()) for _, counts in between]


def test_a_series_without_a_name_of_its_own_goes_to_the_overflow() -> None:
    slots = Slots(1, most_series=2)
    for name in ("a", "b", "c", "d"):
        slots.add((name,), np.array([0]), np.array([7]), np.array([0]))
    assert slots.names() == ["a", "b", "other"]
    assert slots.window("other", 7, 8).tolist() == [2]


def test_a_series_begins_with_its_first_event_not_with_its_name() -> None:
    slots = Slots(1)
    slots.add(("asked", "never asked"), np.array([0]), np.array([7]), np.array([0]))
    assert slots.names() == ["asked"]


@pytest.mark.parametrize("lengths", [1, MOST_WINDOWS, 3 * MOST_WINDOWS])
def test_windows_of_many_lengths_stay_right(lengths: int) -> None:
    slots = Slots(1)
    for second in range(100):
        slots.add(("a",), np.zeros(1, np.int64), np.array([second]), np.zeros(1, np.int64))
    for end_s in (60, 61, 70):
        for length in range(1, lengths + 1):
            assert slots.window("a", end_s - length, end_s).tolist() == [length]
