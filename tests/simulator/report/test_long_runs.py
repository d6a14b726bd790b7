"""Long runs are counted instead of kept, and say the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

import numpy as np
import pytest

from simulator.report.exchanges import Exchange, Exchanges
from simulator.report.recording import KEEP_ROWS, WINDOW_S, ExchangeRecorder
from simulator.report.series import KEEP_SAMPLES, OK, SignalRecorder
from simulator.report.windows import Windows

Make = Callable[..., Exchanges]
START_S = 1_767_571_200.0


def test_columns_are_in_order_of_time_whatever_order_they_came_in() -> None:
    columns = Exchanges.of([Exchange(2, 7.0, sent=False), Exchange(1, 5.0, True, 3.0, 2.0)])
    assert columns.number.tolist() == [1, 2]
    assert columns.valid.tolist() == [True, False]
    assert np.isnan(columns.latency_ms[1])


def test_counts_per_minute_agree_with_what_was_kept(make_exchanges: Make) -> None:
    kept = make_exchanges(7_200.0, 50, (3_600.0, 4_000.0), 4_500.0)
    assert len(kept) > KEEP_ROWS
    recorder = ExchangeRecorder(START_S)
    for start in range(0, len(kept), 50):
        recorder.add(kept.rows(start, start + 50))
    folded = recorder.requests()
    assert isinstance(folded, Windows)
    assert len(folded) == len(kept)
    assert folded.problems() == kept.problems()
    whole_minutes = [(0, 3_600), (3_600, 3_660), (3_660, 7_200)]
    odd = [(0, 3_617), (3_617, 3_709), (3_709, 7_200), (3_599, 3_601)]
    for from_s, to_s in [*whole_minutes, *odd]:
        many = folded.totals(START_S + from_s, START_S + to_s)
        each = kept.totals(START_S + from_s, START_S + to_s)
        assert (many.requests, many.valid, many.clicked) == (
            each.requests,
            each.valid,
            each.clicked,
        )
        assert many.served_by == each.served_by
        if (from_s, to_s) in whole_minutes:
            assert many.p95_ms == pytest.approx(each.p95_ms, rel=0.02)
        assert many.expected_clicked == pytest.approx(each.expected_clicked, rel=1e-6)
    at_s = START_S + 3_600.0
    assert folded.bad_gone_at_s(at_s) == kept.bad_gone_at_s(at_s)


def test_a_phase_of_a_long_run_ends_where_the_fault_begins_in_the_middle_of_a_minute(
    make_exchanges: Make,
) -> None:
    """The same beginning, told of a short run and of one too long to keep each request."""
    told = []
    run = make_exchanges(4_800.0, 50, (90.0, 135.0), 197.0)
    for size in (60_000, len(run)):
        recorder = ExchangeRecorder(START_S)
        for start in range(0, size, 3_000):
            recorder.add(run.rows(start, start + 3_000))
        known = recorder.requests()
        before = known.totals(START_S, START_S + 90.0)
        during = known.totals(START_S + 90.0, START_S + 197.0)
        told.append((before.requests, before.served_by, during.requests, during.served_by))
        assert before.p95_ms is not None
        assert before.p95_ms < 50.0, "no minute that the fault began in"
    assert isinstance(known, Windows)
    assert told[0] == told[1]
    assert told[0][0] == 4_500
    assert set(told[0][1]) == {"primary"}
    assert set(told[0][3]) == {"fallback"}


def test_a_span_within_one_minute_has_the_p95_of_that_minute(make_exchanges: Make) -> None:
    known = Windows.of(make_exchanges(180.0, 50, (61.0, 119.0), 119.0), WINDOW_S, START_S)
    short, minute = [known.totals(START_S + a, START_S + b) for a, b in [(70, 110), (60, 120)]]
    assert short.requests == 2_000
    assert short.p95_ms == minute.p95_ms


def test_counts_of_a_week_at_50_a_second_stay_below_40_megabytes(make_exchanges: Make) -> None:
    seconds = Windows.of(make_exchanges(3_600.0, 50, (90.0, 135.0), 197.0), 60.0, START_S).seconds
    columns = [getattr(seconds, field.name) for field in fields(seconds)]
    size = sum(column.nbytes for column in columns if isinstance(column, np.ndarray))
    assert len(seconds.at) == 3_600
    assert size * 24 * 7 < 40e6


def test_more_than_a_byte_of_requests_a_second_is_counted(make_exchanges: Make) -> None:
    calm = make_exchanges(60.0, 50, (90.0, 90.0), 0.0)
    crowd = make_exchanges(120.0, 700, (90.0, 90.0), 0.0).between(START_S + 60.0, np.inf)
    known = Windows.joined([Windows.of(part, WINDOW_S, START_S) for part in (calm, crowd)])
    assert known.totals(START_S, START_S + 60.0).requests == 3_000
    assert known.totals(START_S + 59.0, START_S + 61.0).requests == 750


def test_few_requests_are_kept_one_by_one(make_exchanges: Make) -> None:
    recorder = ExchangeRecorder(START_S)
    recorder.add(make_exchanges(90.0, 50, (30.0, 60.0), 80.0))
    assert isinstance(recorder.requests(), Exchanges)


def test_wider_windows_lose_nothing(make_exchanges: Make) -> None:
    narrow = Windows.of(make_exchanges(600.0, 20, (200.0, 300.0), 400.0), 10.0, START_S)
    wide = narrow.coarser(6)
    assert wide.width_s == WINDOW_S
    assert len(wide.start_s) == 10
    assert wide.served.sum() == narrow.served.sum()
    assert np.array_equal(wide.latencies.sum(axis=0), narrow.latencies.sum(axis=0))


def test_a_long_signal_stays_small_and_keeps_its_worst() -> None:
    recorder = SignalRecorder()
    for second in range(5 * KEEP_SAMPLES):
        value = 900.0 if second == 30_001 else 1.0
        recorder.add("x", float(second), value, "ok")
    series = recorder.signals()["x"]
    assert KEEP_SAMPLES / 2 <= len(series.at_s) <= KEEP_SAMPLES
    assert series.value.max() == 900.0
    assert (np.diff(series.at_s) > 0).all()


def test_a_pair_of_samples_becomes_the_worse_one_with_its_own_state() -> None:
    recorder = SignalRecorder()
    for second in range(2 * KEEP_SAMPLES):
        known = second % 2 == 1
        recorder.add("x", float(second), 5.0 if known else None, "ok" if known else "idle")
    series = recorder.signals()["x"]
    assert (series.state == OK).all()
    assert (series.value == 5.0).all()
