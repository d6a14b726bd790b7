"""Signals of the outcome layer have the values that a pencil gives for the same rows."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.monitors.telemetry_rows import T0, Watch, click, served

W = 10.0
MINUTE_S = T0 + 40.0
"""A whole minute begins."""


def settled(watched: Watch, until_s: float) -> Watch:
    """Nothing more comes, so after two ticks nothing more is waited for."""
    for late_s in (0.0, 10.0, 20.0):
        watched.tick(until_s + late_s)
    return watched


def drawn(arm: str, count: int, at_s: float = T0 + 12.0, **more: Any) -> list[dict[str, Any]]:
    return [served(at_s + n * 1e-4, arm=arm, **more) for n in range(count)]


def test_the_late_click_rate_is_late_clicks_by_all_clicks(watch) -> None:
    seen = watch(attribution_window_s=W)
    seen.tick(T0)
    row = served(T0)
    in_time = [click(row, 6.0) for _ in range(120)]
    late = [click(row, W + 2.0) for _ in range(30)]
    seen.click([*in_time, *late, click(row, 6.0, kind="dwell")])
    assert settled(seen, T0 + 20)["late_click_rate[600s]"].value == pytest.approx(0.2)


def test_the_bot_share_is_bots_by_requests_of_users(watch) -> None:
    seen = watch()
    seen.tick(T0)
    seen.feed([*drawn("primary", 180), *drawn("primary", 60, bot=True)])
    seen.feed(drawn("primary", 50, bot=True, role="probe"))
    reading = settled(seen, T0 + 20)["bot_share[300s]"]
    assert (reading.value, reading.sample_size) == (pytest.approx(0.25), 240)


def test_clicks_missing_are_requests_of_the_silence_by_the_usual_rate(watch) -> None:
    seen = watch(attribution_window_s=W)
    seen.tick(T0)
    rows = [served(T0 + n / 10 + 0.05) for n in range(600)]
    seen.feed(rows)
    seen.click([click(row) for row in rows[5::10]])
    seen.tick(T0 + 60)
    assert seen["clicks_missing"].value == 0.0
    seen.feed([served(T0 + 60 + n / 10 + 0.05) for n in range(300)])
    seen.tick(T0 + 90)
    # The last click was at T0 + 60.53, so whole seconds of silence begin at T0 + 60.
    assert seen["clicks_missing"].value == pytest.approx(300 * 0.1)


def test_the_lift_has_the_bounds_of_mantel_and_haenszel(watch) -> None:
    seen = watch(attribution_window_s=W)
    seen.tick(T0)
    for arm, clicked in (("primary", 100), ("fallback", 50)):
        rows = drawn(arm, 1_000, MINUTE_S + 50.0)
        seen.feed(rows)
        seen.click([click(row) for row in rows[:clicked]])
    settled(seen, MINUTE_S + 80.0)
    # One stratum: spread (1000^2 150 - 100 50 2000) / 2000^2 = 35 over 50 x 25.
    half = 1.959964 * math.sqrt(35.0 / (50.0 * 25.0))
    for part, bound in (("lower", 2.0 * math.exp(-half)), ("upper", 2.0 * math.exp(half))):
        reading = seen[f"lift(ctr,primary,fallback).{part}[3600s]"]
        assert (reading.value, reading.sample_size) == (pytest.approx(bound - 1.0), 1_000)


def test_the_sample_ratio_s_evidence_is_the_mean_likelihood_ratio(watch) -> None:
    seen = watch()
    seen.tick(T0)
    even = [{"arm": "primary", "chance": 0.5}, {"arm": "fallback", "chance": 0.5}]
    seen.feed(drawn("primary", 580, propensities=even) + drawn("fallback", 420, propensities=even))
    falls = [0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99]
    ratios = [
        tilt**own / (0.5 * tilt + 0.5) ** 1_000
        for own in (580, 420)
        for fall in falls
        for tilt in (fall, 1.0 / fall)
    ]
    # The first of 24 beginnings has begun; the others are worth their stake.
    evidence = math.log10((23.0 + sum(ratios) / len(ratios)) / 24.0)
    assert evidence > 2.0
    reading = settled(seen, T0 + 30)["sample_ratio.evidence"]
    assert (reading.value, reading.sample_size) == (pytest.approx(evidence), 1_000)
