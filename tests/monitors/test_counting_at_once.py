"""What is counted in tables at once equals what is counted one by one."""

from __future__ import annotations

import random

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.monitors.causes.groups import PIECE_ROWS, Groups
from controller.monitors.counting.batch_view import BatchView
from controller.monitors.counting.slots import Slots
from controller.settings import Settings

GROUPS = Groups.of(Settings(segments={"platform": ("ios", "web"), "country": ("br", "de", "fr")}))


@given(seed=st.integers(0, 2**32), cells=st.integers(1, 5))
@settings(max_examples=20)
def test_groups_are_counted_as_by_the_groups_of_each_row(seed: int, cells: int) -> None:
    rng = np.random.default_rng(seed)
    rows = int(rng.choice([1, 63, 64, 200, PIECE_ROWS + 1]))
    sizes = [len(each) for each in GROUPS.values]
    codes = rng.integers(0, sizes, size=(rows, len(sizes))).astype(np.uint8)
    cell = rng.integers(0, cells, size=rows)
    expected = np.zeros((GROUPS.count, cells), np.int64)
    np.add.at(expected, (GROUPS.of_codes(codes), cell), 1)
    assert GROUPS.counts(codes, cell, cells).tolist() == expected.tolist()


@given(seed=st.integers(0, 2**32))
@settings(max_examples=20)
def test_tables_of_others_count_as_their_events(seed: int) -> None:
    """Also where more series come than there may be, which then share one."""
    rng = np.random.default_rng(seed)
    names = tuple(f"v{n}" for n in range(6))
    one, other = (Slots(2, first=("v4",), most_series=3, step_s=5) for _ in range(2))
    for _ in range(3):
        size = int(rng.integers(1, 9))
        codes, cells = rng.integers(0, 6, size), rng.integers(0, 2, size)
        seconds = rng.integers(100, 110, size)
        one.add(names, codes, seconds, cells)
        tables = []
        for step in np.unique(seconds // 5).tolist():
            mine = seconds // 5 == step
            table = np.zeros((6, 2), np.int64)
            np.add.at(table, (codes[mine], cells[mine]), 1)
            tables.append((step, table))
        other.add_tables(names, tables)
    assert one.names() == other.names()
    found, expected = other.snapshot()["counts"], one.snapshot()["counts"]
    assert sorted(found.T.tolist()) == sorted(expected.T.tolist())


def _told(generator: random.Random) -> list[dict[str, object]] | None:
    few = generator.choice(["ab", "abcdef", "abcdef", "abcdeg"])
    rows = [{"feature": name, "value": generator.random()} for name in few]
    return generator.choice([rows, rows, rows, [], None])


@given(seed=st.integers(0, 2**32))
@settings(max_examples=30)
def test_elements_of_lists_are_those_of_their_rows(seed: int) -> None:
    generator = random.Random(seed)
    kind = pa.list_(pa.struct([("feature", pa.string()), ("value", pa.float64())]))
    lists = [_told(generator) for _ in range(6)]
    plain = pa.array(lists, kind)
    # The same lists, where null ones have elements that nobody may see.
    hidden = pa.array([each or lists[0] for each in lists], kind)
    masked = pa.ListArray.from_arrays(
        hidden.offsets, hidden.values, mask=pa.array([not each for each in lists])
    )
    for column in (plain, masked):
        batch = pa.record_batch({"inputs": column}).slice(1)
        nested = BatchView("any", 0, batch).nested("inputs")
        rows = [(n, e) for n, each in enumerate(lists[1:]) for e in each or ()]
        assert nested.rows.tolist() == [n for n, _ in rows]
        labels = nested.labels("feature")
        assert [labels.names[code] for code in labels.codes] == [e["feature"] for _, e in rows]
        assert nested.numbers("value").tolist() == [e["value"] for _, e in rows]
        widths = {len(each) for each in lists[1:] if each}
        assert nested.width == (widths.pop() if len(widths) == 1 else 0)
