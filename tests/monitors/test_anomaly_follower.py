"""``anomaly(SIGNAL)`` and ``anomaly.system``: readings of how odd other readings are."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from controller.core.readings import Catalogue, Reading, ReadingState, SignalKey, SignalSpec
from controller.monitors.following.anomaly import WARM_SAMPLES, AnomalyFollower
from controller.monitors.following.followed_series import MOST_SERIES
from controller.monitors.following.multivariate import SystemAnomalyFollower
from controller.monitors.tick import SourceHealth, TickView
from controller.settings import Settings
from tests.monitors.telemetry_rows import T0, served

P95 = SignalSpec("arm_latency_ms.p95", "ms", ("arm",), 20, 5.0, "Latency")
RATE = SignalSpec("request_rate_per_s", "per_s", (), 0, 5.0, "Requests")
OWN = Catalogue.of([P95, RATE])
ANOMALY = SignalKey("anomaly(request_rate_per_s)", (), 5.0)
PER_30_DAYS = 1 / (30 * 86_400)


def tick_at(at_s: float) -> TickView:
    return TickView(at_s, T0, True, {"replica": SourceHealth(0, 0, True, at_s)}, "replica")


def ok(value: float, at_s: float) -> Reading:
    return Reading(value, ReadingState.OK, 50, at_s - 5, at_s)


def rate_key(window_s: float = 5.0) -> SignalKey:
    return SignalKey("request_rate_per_s", (), window_s)


def p95_key(arm: str) -> SignalKey:
    return SignalKey("arm_latency_ms.p95", (("arm", arm),), 5.0)


def fed(follower: AnomalyFollower, count: int, seed: int = 1) -> float:
    """Healthy readings every second's tick of which only each tenth is looked at; the end."""
    rng = np.random.default_rng(seed)
    for at in range(count):
        at_s = T0 + 10 * at
        follower.advance({rate_key(): ok(50 + rng.normal(), at_s)}, tick_at(at_s))
    return T0 + 10 * (count - 1)


def following(*keys: SignalKey) -> AnomalyFollower:
    follower = AnomalyFollower(Settings(), OWN)
    follower.follow(keys)
    return follower


def test_nothing_is_followed_that_no_playbook_asks_for() -> None:
    follower = following()
    fed(follower, 2)
    assert follower.families() == ()


def test_the_first_hour_is_insufficient_and_says_how_long() -> None:
    follower = following(ANOMALY)
    end_s = fed(follower, WARM_SAMPLES - 1)
    reading = follower.reading(ANOMALY, tick_at(end_s))
    assert (reading.state, reading.value) == (ReadingState.INSUFFICIENT, None)
    assert reading.note == "learning: 359 of 360 readings"


def test_an_odd_reading_is_rarer_than_an_ordinary_one() -> None:
    follower = following(ANOMALY)
    end_s = fed(follower, 2000)
    usual = follower.reading(ANOMALY, tick_at(end_s)).value
    follower.advance({rate_key(): ok(0.0, end_s + 10)}, tick_at(end_s + 10))
    odd = follower.reading(ANOMALY, tick_at(end_s + 10)).value
    assert odd < PER_30_DAYS < usual <= 0.1


def test_between_looks_nothing_is_learnt() -> None:
    follower = following(ANOMALY)
    end_s = fed(follower, 400)
    before = follower.reading(ANOMALY, tick_at(end_s))
    follower.advance({rate_key(): ok(1e6, end_s + 1)}, tick_at(end_s + 1))
    assert follower.reading(ANOMALY, tick_at(end_s + 1)) == before


@pytest.mark.parametrize("state", [ReadingState.STALE, ReadingState.IDLE, ReadingState.DOWN])
def test_a_reading_that_is_not_ok_is_not_judged(state) -> None:
    follower = following(ANOMALY)
    end_s = fed(follower, 400) + 10
    follower.advance({rate_key(): Reading(None, state, 0, end_s, end_s, "why")}, tick_at(end_s))
    reading = follower.reading(ANOMALY, tick_at(end_s))
    assert (reading.state, reading.value, reading.note) == (state, None, "why")


def test_a_variable_follows_every_series_up_to_the_limit() -> None:
    follower = following(SignalKey("anomaly(arm_latency_ms.p95)", (("arm", "$arm"),)))
    arms = [f"arm-{at:03}" for at in range(MOST_SERIES + 5)]
    follower.advance({p95_key(arm): ok(1.0, T0) for arm in arms}, tick_at(T0))
    (family,) = follower.families()
    assert family.label == "arm"
    assert family.values == tuple(arms[:MOST_SERIES])


def test_wanting_again_keeps_what_stays_and_drops_the_rest() -> None:
    other = SignalKey("anomaly(arm_latency_ms.p95)", (("arm", "primary"),))
    follower = following(ANOMALY)
    end_s = fed(follower, 400)
    follower.follow([ANOMALY, other])
    follower.advance({}, tick_at(end_s + 10))
    assert len(follower.families()) == 2
    assert follower.reading(other, tick_at(end_s + 10)).state is ReadingState.INSUFFICIENT
    follower.follow([other])
    follower.advance({}, tick_at(end_s + 20))
    assert [family.specs[0].name for family in follower.families()] == [other.name]


def test_a_restored_follower_goes_on_when_playbooks_come_later() -> None:
    follower = following(ANOMALY)
    end_s = fed(follower, 400)
    restored = following()
    restored.restore(follower.snapshot())
    restored.follow([ANOMALY])
    for each in (follower, restored):
        each.advance({rate_key(): ok(57.0, end_s + 10)}, tick_at(end_s + 10))
    later = tick_at(end_s + 10)
    assert restored.reading(ANOMALY, later) == follower.reading(ANOMALY, later)
    assert restored.reading(ANOMALY, later).state is ReadingState.OK


def test_another_window_of_the_signal_is_read_because_its_anomaly_is_wanted(watch: Callable):
    key = SignalKey("anomaly(request_rate_per_s)", (), 10.0)
    set_ = watch()
    set_.set.want([key])
    for second in range(30):
        set_.feed([served(T0 + second - 0.5)])
        set_.tick(T0 + second)
    assert set_.readings[SignalKey("request_rate_per_s", (), 10.0)].state is ReadingState.OK
    assert set_.readings[key].note.startswith("learning: 2 of 360")
    set_.set.restore(set_.set.snapshot())
    set_.tick(T0 + 30)
    assert set_.readings[key].note.startswith("learning: 3 of 360")


def test_the_system_score_is_there_for_all_signals_together(watch: Callable):
    set_ = watch()
    for second in range(20):
        set_.feed([served(T0 + second - 0.5)])
        set_.tick(T0 + second)
    assert set_["anomaly.system"].state is ReadingState.INSUFFICIENT


def test_a_joint_fault_raises_the_system_score_above_once_in_30_days() -> None:
    own = Catalogue.of([RATE, SignalSpec("availability", "share", (), 20, 5.0, "Good")])
    follower = SystemAnomalyFollower(Settings(), own)
    rng = np.random.default_rng(2)
    system, found = SignalKey("anomaly.system"), []
    for at in range(1500):
        at_s = T0 + 10 * at
        bad = at >= 1498
        share = 0.5 if bad else 1 - abs(rng.normal()) / 1000
        rate = 5.0 if bad else 50 + rng.normal()
        readings = {rate_key(): ok(rate, at_s)}
        if at % 7:  # missing now and then: left out
            readings[SignalKey("availability", (), 5.0)] = ok(share, at_s)
        follower.advance(readings, tick_at(at_s))
        found.append(follower.reading(system, tick_at(at_s)).value)
    assert found[300] is None
    assert max(found[600:1498]) < 4.5 < found[1498]
