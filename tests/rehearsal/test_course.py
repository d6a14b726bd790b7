"""What a series reads at each tick: spans, ramps, turns, noise, and samples that are too small."""

from __future__ import annotations

from itertools import pairwise

import pytest

from controller.core.playbook import Quantity
from controller.core.readings import SignalSpec
from controller.rehearsal.course import course
from controller.rehearsal.model import Noise, Series, Span

LATENCY = SignalSpec("latency_ms.p95", "ms", (), 20, 5.0, "for tests", maximum=1_000.0)


def shown(*spans: Span, ticks: int) -> list[float | str | None]:
    at = course(Series(Quantity(LATENCY.name), "ms", spans), LATENCY)
    found = [at(float(second)) for second in range(ticks)]
    return [each.value if each.state == "ok" else each.state for each in found]


def test_a_span_holds_up_to_its_end_and_the_last_runs_on() -> None:
    spans = (Span((1.0,), until_s=2.0), Span(state="stale", until_s=3.0), Span((3.0,), until_s=4.0))
    assert shown(*spans, ticks=6) == [1.0, 1.0, "stale", 3.0, 3.0, 3.0]


def test_a_ramp_reaches_its_second_value_at_its_end_and_stays() -> None:
    spans = (Span((0.0,), until_s=1.0), Span((10.0, 40.0), until_s=4.0, ramp=True))
    assert shown(*spans, ticks=6) == [0.0, 10.0, 20.0, 30.0, 40.0, 40.0]


def test_a_cycle_takes_turns() -> None:
    assert shown(Span((1.0, 2.0, 3.0), every_s=2.0), ticks=7) == [1, 1, 2, 2, 3, 3, 1]


def test_a_number_over_too_small_a_sample_is_insufficient() -> None:
    assert shown(Span((5.0,), sample=19), ticks=1) == ["insufficient"]
    assert shown(Span((5.0,), sample=20), ticks=1) == [5.0]


def test_noise_has_the_spread_and_the_memory_that_are_said_and_is_the_same_each_time() -> None:
    span = Span((500.0,), noise=Noise(sd=20.0, phi=0.6, seed=11, every_s=1.0))
    values = [float(each or 0.0) for each in shown(span, ticks=4_000)]
    mean = sum(values) / len(values)
    variance = sum((value - mean) ** 2 for value in values) / len(values)
    memory = sum((a - mean) * (b - mean) for a, b in pairwise(values)) / len(values) / variance
    # Standard errors at 4,000 draws: mean 0.6, sd 0.4, memory 0.013; four of each.
    assert mean == pytest.approx(500.0, abs=2.5)
    assert variance**0.5 == pytest.approx(20.0, abs=1.6)
    assert memory == pytest.approx(0.6, abs=0.052)
    assert shown(span, ticks=3) == values[:3]


def test_noise_stays_where_the_signal_can_be_and_is_drawn_anew_only_when_said() -> None:
    wild = Span((500.0,), noise=Noise(sd=5_000.0, phi=0.0, seed=1, every_s=3.0))
    values = shown(wild, ticks=30)
    assert {0.0, 1_000.0} <= set(values)
    assert all(isinstance(value, float) and 0.0 <= value <= 1_000.0 for value in values)
    assert all(values[i] == values[i - i % 3] for i in range(30))
