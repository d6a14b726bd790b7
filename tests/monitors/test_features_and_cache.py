"""Feature age is the age as served; a default is counted as one; the cache by those who looked."""

from __future__ import annotations

import pytest

from controller.core.readings import ReadingState
from tests.monitors.telemetry_rows import T0, served

AGE = "feature_age_s.p95{feature_group=user_recent}[5s]"
DEFAULTS = "default_rate{feature_group=user_recent}[5s]"


def run(set_, make):
    set_.tick(T0 - 10)
    for second in range(-9, 6):
        set_.feed([make(n, T0 + second - 1 + n / 10) for n in range(10)])
        set_.tick(T0 + second)
    return set_


def test_age_is_as_served_and_grows_when_a_pipeline_stops(watch) -> None:
    def aging(n: int, at_s: float):
        return served(at_s, feature_ages=[{"group": "user_recent", "age_s": at_s - T0 + 100.0}])

    assert run(watch(), aging)[AGE].value == pytest.approx(104.6, rel=0.02)


def test_defaults_are_a_share_of_the_requests_that_wanted_the_group(watch) -> None:
    def some_defaulted(n: int, at_s: float):
        if n < 3:
            return served(at_s, feature_ages=[], defaulted=["user_recent"])
        return served(at_s) if n < 6 else served(at_s, feature_ages=[], defaulted=[])

    set_ = run(watch(), some_defaulted)
    assert set_[DEFAULTS].value == pytest.approx(0.5)
    assert set_[DEFAULTS].sample_size == 30
    assert set_[AGE].sample_size == 15


def test_a_group_that_is_both_aged_and_defaulted_counts_once(watch) -> None:
    set_ = run(watch(), lambda n, at_s: served(at_s, defaulted=["user_recent"]))
    assert (set_[DEFAULTS].value, set_[DEFAULTS].sample_size) == (1.0, 50)


def test_an_unused_group_is_idle(watch) -> None:
    set_ = run(watch(), lambda n, at_s: served(at_s))
    assert set_["feature_age_s.p95{feature_group=item_hour}[5s]"].state is ReadingState.IDLE


def test_cache_hits_are_a_share_of_those_that_looked(watch) -> None:
    kinds = ["hit", "miss", "miss", "miss", "bypass"]
    set_ = run(watch(), lambda n, at_s: served(at_s, cache=kinds[n % 5]))
    assert set_["cache_hit_rate[5s]"].value == pytest.approx(0.25)
    assert set_["cache_hit_rate[5s]"].sample_size == 40


def test_rows_with_hardly_any_columns_do_no_harm(watch) -> None:
    set_ = run(watch(), lambda n, at_s: {"done_at_s": at_s, "role": "user"})
    assert set_["availability[5s]"].value == 0.0
    assert set_["cache_hit_rate[5s]"].state is ReadingState.IDLE
