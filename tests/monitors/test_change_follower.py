"""``change(SIGNAL)`` and river's hints: readings of whether other readings have changed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from controller.core.conditions import Sight, Truth, comparisons, evaluate, key_of
from controller.core.playbook import NoData
from controller.core.readings import Catalogue, Reading, ReadingState, SignalKey, SignalSpec
from controller.language.loading import playbook_from_text
from controller.monitors.following.change import HOLD_S, ChangeFollower
from controller.monitors.following.retrain_hints import FOLLOWERS as HINTS
from controller.monitors.following.retrain_hints import LEAST_WINDOWS
from controller.monitors.tick import SourceHealth, TickView
from controller.settings import Settings
from tests.language.conftest import PARTS
from tests.monitors.telemetry_rows import T0, served

CTR = SignalSpec("ctr", "share", ("arm",), 200, 60.0, "Clicks")
COVERAGE = SignalSpec("coverage", "share", ("arm",), 200, 60.0, "Items")
OWN = Catalogue.of([CTR, COVERAGE])
PRIMARY = (("arm", "primary"),)
CHANGE = SignalKey("change(ctr)", PRIMARY, 60.0)
TRIALS, DAY = 1_000, 1_440
State = ReadingState


def tick_at(at_s: float) -> TickView:
    return TickView(at_s, T0, True, {"replica": SourceHealth(0, 0, True, at_s)}, "replica")


class Minutes:
    """A follower in virtual time; each minute is one reading of the arm's signal."""

    def __init__(self, follower, key: SignalKey = CHANGE, signal: str = "ctr") -> None:
        self.follower, self.key, self.at_s = follower, key, T0
        self._signal = SignalKey(signal, PRIMARY, 60.0)
        self._rng = np.random.default_rng(1)
        follower.follow([key])

    def minute(self, value: float | None, state: State = State.OK) -> Reading:
        self.at_s += 60.0
        reading = Reading(value, state, TRIALS, self.at_s - 60.0, self.at_s, "why" * (not value))
        self.follower.advance({self._signal: reading}, tick_at(self.at_s))
        return self.reading

    def clicks(self, minutes: int, rate: float) -> list[Reading]:
        found = self._rng.binomial(TRIALS, rate, minutes) / TRIALS
        return [self.minute(value) for value in found.tolist()]

    @property
    def reading(self) -> Reading:
        return self.follower.reading(self.key, tick_at(self.at_s))


@pytest.fixture(scope="module")
def learnt() -> dict:
    """What a follower keeps of a healthy day."""
    minutes = Minutes(ChangeFollower(Settings(), OWN))
    minutes.clicks(DAY, 0.05)
    return minutes.follower.snapshot()


@pytest.fixture
def after_a_day(learnt: dict) -> Minutes:
    minutes = Minutes(ChangeFollower(Settings(), OWN))
    minutes.follower.restore(learnt)
    minutes.at_s = T0 + DAY * 60.0
    return minutes


def test_the_first_day_is_insufficient_and_says_how_far_it_is() -> None:
    reading = Minutes(ChangeFollower(Settings(), OWN)).clicks(61, 0.05)[-1]
    assert (reading.state, reading.value) == (State.INSUFFICIENT, None)
    assert reading.note == ("learning: 1.0 of 24 h, 61 of 720 values, 61,000 of 1,000,000 trials")


def test_an_alarm_stands_for_an_hour_and_then_a_new_day_is_learnt(after_a_day: Minutes) -> None:
    assert {reading.value for reading in after_a_day.clicks(30, 0.05)} == {0.0}
    values = [reading.value for reading in after_a_day.clicks(90, 0.035)]
    first = values.index(1.0)
    hold = int(HOLD_S // 60)
    assert first < 20
    assert values[first : first + hold] == [1.0] * hold
    assert after_a_day.reading.state is State.INSUFFICIENT


def test_missing_data_is_no_change_and_shows_its_own_state(after_a_day: Minutes) -> None:
    for state in (State.STALE, State.IDLE, State.DOWN, State.INSUFFICIENT):
        found = [after_a_day.minute(None, state) for _ in range(30)]
        assert {(r.value, r.state, r.note) for r in found} == {(None, state, "why")}
    assert after_a_day.clicks(5, 0.05)[-1].value == 0.0


def test_windows_that_overlap_what_was_judged_are_not_judged_again() -> None:
    follower = ChangeFollower(Settings(), OWN)
    follower.follow([CHANGE])
    for second in range(0, 130, 10):
        at_s = T0 + second
        reading = Reading(0.05, State.OK, TRIALS, at_s - 60, at_s)
        follower.advance({SignalKey("ctr", PRIMARY, 60.0): reading}, tick_at(at_s))
    assert follower.reading(CHANGE, tick_at(at_s)).sample_size == 3


def test_a_share_that_is_no_count_is_judged_by_its_mean() -> None:
    key = SignalKey("change(coverage)", PRIMARY, 60.0)
    minutes = Minutes(ChangeFollower(Settings(), OWN), key, "coverage")
    reading = minutes.minute(0.12345)
    assert reading.note == "learning: 0.0 of 24 h, 1 of 720 values"


def test_a_restored_follower_goes_on_as_it_was(after_a_day: Minutes) -> None:
    after_a_day.clicks(20, 0.035)
    other = Minutes(ChangeFollower(Settings(), OWN))
    other.follower.restore(after_a_day.follower.snapshot())
    other.at_s = after_a_day.at_s
    values = [after_a_day.minute(0.04) for _ in range(70)]
    assert [other.minute(0.04) for _ in range(70)] == values
    assert {reading.value for reading in values} == {1.0, None}


def test_a_signal_that_is_gone_from_the_settings_is_left_out_of_what_is_restored(learnt) -> None:
    follower = ChangeFollower(Settings(), Catalogue.of([COVERAGE]))
    follower.restore(learnt)
    assert follower.families() == ()


@pytest.mark.parametrize("kind", HINTS, ids=lambda kind: kind.name)
def test_a_hint_stands_for_an_hour_after_river_says_so_and_never_routes(kind) -> None:
    follower = kind.make(Settings(), OWN)
    (spec,) = kind.specs(Settings(), OWN)
    assert spec.is_drift
    minutes = Minutes(follower, SignalKey(spec.name, PRIMARY))
    learning = minutes.clicks(LEAST_WINDOWS, 0.05)
    assert learning[0].note == "learning: 1 of 30 windows"
    assert learning[-1].value == 0.0
    values = [reading.value for reading in minutes.clicks(40, 0.15)]
    assert values[-1] == 1.0
    other = kind.make(Settings(), OWN)
    other.restore(follower.snapshot())
    other.follow([minutes.key])
    other.advance({}, tick_at(minutes.at_s))
    assert other.snapshot().keys() == follower.snapshot().keys()
    minutes.at_s += HOLD_S
    assert minutes.reading.value == 0.0


def test_a_playbook_opens_on_a_change_of_any_signal(watch: Callable, monkeypatch) -> None:
    """From its text to the truth of its condition; a day shortened to some minutes."""
    monkeypatch.setattr("controller.statistics.first_day.DAY_S", 120.0)
    monkeypatch.setattr("controller.statistics.first_day.LEAST_LOOKS", 12)
    settings, set_ = Settings(), watch()
    text = "".join(
        f"{key}: {value}\n"
        for key, value in (PARTS | {"when": "change(request_rate_per_s)"}).items()
    )
    playbook = playbook_from_text(text, "p.yaml", settings, set_.set.catalogue)
    (leaf,) = comparisons(playbook.when)
    judge = settings.for_judge(set_.set.catalogue)
    set_.set.want([key_of(leaf.quantity, judge)])
    truths = []
    for look in range(24):
        at_s = T0 + 10 * look
        set_.feed([served(at_s - 0.5) for _ in range(2 if look < 17 else 4)])
        set_.tick(at_s)
        sight = Sight(set_.readings, judge, 1.0, NoData("hold"))
        truths.append(evaluate(playbook.when, (), sight).truth)
    assert truths[6] is Truth.UNKNOWN
    assert set(truths[13:17]) == {Truth.NOT_MET}
    assert truths[-1] is Truth.MET
