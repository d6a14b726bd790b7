"""Clicks are counted once, charged to the arm drawn, and read only when they are mature."""

from __future__ import annotations

from typing import Any

import pytest

from controller.core.readings import ReadingState
from tests.monitors.telemetry_rows import OUTCOME, T0, Watch, attempt, click, served

W = 10.0
CTR = "ctr{arm=primary}[60s]"


def live(watch, until: int = 80, every: int = 10, clicks=None, row=None) -> Watch:
    """Ten requests a second; every n-th is clicked a second later."""
    clicks = clicks or (lambda rows: [click(r) for r in rows[::every]])
    set_ = watch(attribution_window_s=W)
    set_.tick(T0)
    for second in range(1, until + 1):
        rows = [(row or served)(T0 + second - 1 + n / 10) for n in range(10)]
        set_.feed(rows)
        set_.click(clicks(rows))
        set_.tick(T0 + second)
    return set_


def test_rate_is_clicks_by_requests_of_the_mature_window(watch) -> None:
    reading = live(watch)[CTR]
    assert reading.value == pytest.approx(0.1)
    assert reading.sample_size == 600
    assert (reading.window_start_s, reading.window_end_s) == (T0 + 9, T0 + 69)


def test_young_requests_are_not_read_yet(watch) -> None:
    assert live(watch, until=9)[CTR].state is ReadingState.INSUFFICIENT


def test_a_request_clicked_often_counts_once(watch) -> None:
    def eager(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        one = click(rows[0])
        return [one, one, click(rows[0], 2.0), click(rows[0], 3.0)]

    assert live(watch, clicks=eager)[CTR].value == pytest.approx(0.1)


def test_clicks_after_the_attribution_window_and_other_kinds_do_not_count(watch) -> None:
    def mixed(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [
            click(rows[0]),
            click(rows[1], W + 1.0, received_at_s=rows[1]["at_s"]),
            click(rows[2], -1.0),
            click(rows[3], kind="dwell"),
        ]

    assert live(watch, clicks=mixed)[CTR].value == pytest.approx(0.1)


def test_an_answer_by_the_fallback_stays_charged_to_the_arm_drawn(watch) -> None:
    def rescued(at_s: float) -> dict[str, Any]:
        tries = [attempt("primary", 100.0, "late"), attempt("fallback")]
        return served(at_s, served_by="fallback", attempts=tries)

    rescued_set = live(watch, row=rescued)
    assert rescued_set[CTR].value == pytest.approx(0.1)
    assert rescued_set["ctr{arm=fallback}[60s]"].state is ReadingState.IDLE


def test_bots_count_on_neither_side(watch) -> None:
    def half_bots(at_s: float) -> dict[str, Any]:
        return served(at_s, bot=round(at_s * 10) % 2 == 1)

    def bots_click_everything(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [click(rows[0]), *(click(r) for r in rows if r["bot"])]

    reading = live(watch, row=half_bots, clicks=bots_click_everything)[CTR]
    assert reading.sample_size == 300
    assert reading.value == pytest.approx(0.2)


def test_probes_are_not_requests_of_users(watch) -> None:
    probed = live(watch, row=lambda at_s: served(at_s, role="probe"))
    assert probed[CTR].sample_size == 0


def test_a_partition_that_lags_holds_the_rate_back(watch) -> None:
    set_ = live(watch)
    for second in range(81, 84):
        rows = [served(T0 + second - 1 + n / 10) for n in range(10)]
        set_.feed(rows)
        set_.feed([served(T0 + 75)], partition=1)
        set_.click([click(r) for r in rows[::10]])
        set_.tick(T0 + second)
    assert set_[CTR].window_end_s == T0 + 65
    for second in range(84, 87):
        set_.feed([served(T0 + second - 0.5)])
        set_.click([click(served(T0 + second - 1.5))])
        set_.tick(T0 + second)
    assert set_[CTR].window_end_s >= T0 + 75, "one silent for two ticks leaves the watermark"


def test_silent_outcomes_make_the_rate_stale_and_never_zero(watch) -> None:
    set_ = live(watch)
    for second in range(81, 140):
        set_.feed([served(T0 + second - 1 + n / 10) for n in range(10)])
        set_.tick(T0 + second)
        reading = set_[CTR]
        assert reading.state is ReadingState.STALE or reading.value > 0.04
    assert set_[CTR].state is ReadingState.STALE
    assert "no outcome for" in set_[CTR].note
    assert set_["source.silent_s{topic=outcome}"].value == pytest.approx(59, abs=2)


def test_a_service_that_never_heard_an_outcome_has_no_rate(watch) -> None:
    reading = live(watch, clicks=lambda rows: [])[CTR]
    assert reading.state is ReadingState.INSUFFICIENT
    assert reading.note == "no outcome was ever heard"


def test_outcomes_after_maturity_are_counted_as_late(watch) -> None:
    set_ = live(watch)
    old = served(T0 + 40)
    set_.feed([click(old, 5.0, received_at_s=T0 + 80)], OUTCOME)
    set_.tick(T0 + 81)
    assert set_["source.late{topic=outcome}[60s]"].value == 1.0
