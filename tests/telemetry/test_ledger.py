"""Each batch counts once, and what is missing is known, whatever the order of arrival."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.telemetry.batches import TelemetryBatch
from controller.telemetry.ledger import MOST_RANGES, Ledger
from controller.telemetry.rows import batch_from_rows
from controller.telemetry.schema import SCHEMA_VERSION, SERVED

EMPTY = batch_from_rows(SERVED, [])


def numbered(seq: int, producer: str = "p1", partition: int = 0) -> TelemetryBatch:
    return TelemetryBatch(SERVED, partition, producer, seq, "s", "r", SCHEMA_VERSION, EMPTY)


def gaps(ledger: Ledger) -> int:
    return ledger.gaps().get(SERVED, 0)


def test_a_batch_seen_before_is_dropped_and_counted() -> None:
    ledger = Ledger()
    assert [ledger.admit(numbered(seq)) for seq in (0, 1, 1, 0)] == [True, True, False, False]
    assert ledger.duplicates() == {SERVED: 2}


def test_a_late_batch_makes_its_gap_smaller() -> None:
    ledger = Ledger()
    for seq in (0, 5):
        ledger.admit(numbered(seq))
    assert gaps(ledger) == 4
    assert ledger.admit(numbered(3))
    assert gaps(ledger) == 3
    assert not ledger.admit(numbered(3))


def test_starting_in_the_middle_is_no_gap_but_earlier_batches_still_count() -> None:
    ledger = Ledger()
    assert ledger.admit(numbered(100))
    assert gaps(ledger) == 0
    assert ledger.admit(numbered(99))
    assert not ledger.admit(numbered(99))
    assert gaps(ledger) == 0


def test_producers_and_partitions_are_counted_apart() -> None:
    ledger = Ledger()
    assert ledger.admit(numbered(0, "p1", 0))
    assert ledger.admit(numbered(0, "p2", 0))
    assert ledger.admit(numbered(0, "p1", 1))


def test_an_absurd_number_costs_no_memory() -> None:
    ledger = Ledger()
    ledger.admit(numbered(0))
    ledger.admit(numbered(2**60))
    assert gaps(ledger) == 2**60 - 1
    assert len(ledger.snapshot()) < 500


def test_forgotten_producers_keep_their_gaps_counted() -> None:
    ledger = Ledger(most_producers=2)
    for name in ("a", "b", "c"):
        ledger.admit(numbered(0, name))
        ledger.admit(numbered(2, name))
    assert gaps(ledger) == 3


def test_too_many_gaps_stay_counted_in_bounded_memory() -> None:
    ledger = Ledger()
    sent = range(0, 2 * (MOST_RANGES + 50), 2)
    for seq in sent:
        ledger.admit(numbered(seq))
    assert gaps(ledger) == len(sent) - 1
    assert not ledger.admit(numbered(1)), "a gap given up is taken for a duplicate"


@given(st.lists(st.integers(0, 30), max_size=60), st.integers(0, 60))
@settings(max_examples=100)
def test_any_order_with_duplicates_counts_each_once(seqs: list[int], pause: int) -> None:
    ledger = Ledger()
    taken: Counter[int] = Counter()
    for place, seq in enumerate(seqs):
        if place == pause:
            data = ledger.snapshot()
            ledger = Ledger()
            ledger.restore(data)
        taken[seq] += ledger.admit(numbered(seq))
    assert all(taken[seq] == 1 for seq in set(seqs))
    if seqs:
        expected = {seq for seq in range(seqs[0], max(seqs)) if seq not in set(seqs)}
        assert gaps(ledger) == len(expected)


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b'{"seen": [[1]]}'])
def test_a_foreign_snapshot_is_refused(data: bytes) -> None:
    ledger = Ledger()
    ledger.admit(numbered(0))
    with pytest.raises(ValueError, match="not a ledger snapshot"):
        ledger.restore(data)
    assert not ledger.admit(numbered(0)), "what was known stays known"
