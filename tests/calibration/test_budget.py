"""What a healthy period promises of rules that act, and what later weeks bring."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from controller.calibration.healthy import HealthyPeriod, joined
from controller.calibration.rules import Calibration, actions_in, calibrate, keys_of
from controller.core.playbook import Playbook
from controller.core.readings import SignalKey
from controller.language.loading import load_playbooks
from controller.monitors.layers import catalogue_of
from controller.settings import Settings
from simulator.healthy_readings import WEEK_S, HealthyReadings, HealthyService

SHIPPED = Path(__file__).parents[2] / "playbooks"
SEED = 20_262
RULE = """\
version: 1
playbook: {name}
owner: nobody
why: A test.
when: {when}
no_data: hold
do:
  - notify: {{channel: oncall}}
clear_when: {clear}
guards: {{autonomy: {autonomy}, cooldown: 10m, budget: 64 per 1h}}
"""


CONDITIONS = {
    "bad": ("arm_bad{arm=primary} > 3.5% for 1s", "arm_bad{arm=primary} < 2%"),
    "silent": ("source.silent_s{topic=outcome} > 8s", "source.silent_s{topic=outcome} < 3s"),
}
JUDGED = Settings().for_judge(catalogue_of(Settings()))


def rules(folder: Path, autonomy: str = "auto") -> tuple[Playbook, ...]:
    for name, (when, clear) in CONDITIONS.items():
        said = RULE.format(name=name, when=f'"{when}"', clear=f'"{clear}"', autonomy=autonomy)
        (folder / f"{name}.yaml").write_text(said)
    return load_playbooks(folder, Settings(), catalogue_of(Settings()))


def weeks(playbooks: tuple[Playbook, ...], seed: int, count: int) -> list[HealthyPeriod]:
    source = HealthyReadings(HealthyService(), seed)
    return [source.week(keys_of(playbooks, JUDGED)) for _ in range(count)]


def calibrated(playbooks: tuple[Playbook, ...], budget: str, count: int = 4) -> Calibration:
    return calibrate(playbooks, JUDGED, joined(weeks(playbooks, SEED, count)), budget, SEED)


def test_later_weeks_bring_what_was_promised(tmp_path: Path) -> None:
    playbooks = rules(tmp_path)
    low, high = (rate * WEEK_S for rate in calibrated(playbooks, "1 per 60d").interval_per_s)
    later = weeks(playbooks, SEED + 1, 12)
    per_week = sum(actions_in(playbooks, JUDGED, week) for week in later) / len(later)
    assert low - 1.0 <= per_week <= high + 1.0, f"{per_week}: {low} to {high}; seed {SEED}"


def test_a_budget_that_is_too_small_is_exceeded_and_a_large_one_holds(tmp_path: Path) -> None:
    playbooks = rules(tmp_path)
    assert calibrated(playbooks, "1 per 60d", 2).verdict == "exceeded"
    assert calibrated(playbooks, "100 per 1d", 2).verdict == "holds"


def test_a_short_period_shows_nothing_either_way(tmp_path: Path) -> None:
    playbooks = rules(tmp_path)
    series = {key: np.zeros(3_600, np.float32) for key in keys_of(playbooks, JUDGED)}
    found = calibrate(playbooks, JUDGED, HealthyPeriod.unbroken(series, 3_600), "1 per 60d", SEED)
    assert (found.verdict, found.expected_per_s) == ("not shown", 0.0)
    assert [rule.rate.how for rule in found.rules] == ["bounded", "bounded"]


def test_rules_that_only_watch_cost_nothing(tmp_path: Path) -> None:
    playbooks = rules(tmp_path, autonomy="shadow")
    assert keys_of(playbooks, JUDGED) == frozenset()
    empty = HealthyPeriod.unbroken({}, 0)
    found = calibrate(playbooks, JUDGED, empty, "1 per 60d", SEED)
    assert (found.rules, found.verdict) == ((), "holds")


def test_the_same_seed_is_the_same_week() -> None:
    key = SignalKey("arm_bad", (("arm", "primary"),), 5.0)
    one, same, other = (
        HealthyReadings(HealthyService(), seed).week([key], 5_000).series[key] for seed in (1, 1, 2)
    )
    assert np.array_equal(one, same, equal_nan=True)
    assert not np.array_equal(one, other, equal_nan=True)


def test_a_signal_it_cannot_make_is_refused() -> None:
    with pytest.raises(KeyError, match="accepted"):
        HealthyReadings(HealthyService(), 1).week([SignalKey("ctr")], 100)


def test_every_signal_that_the_shipped_rules_read_can_be_made() -> None:
    settings = Settings()
    shipped = load_playbooks(SHIPPED, settings, catalogue_of(settings))
    keys = keys_of(shipped, settings.for_judge(catalogue_of(settings)))
    found = HealthyReadings(HealthyService(), SEED).week(keys, 2_000).series
    assert found.keys() == keys
    assert all(np.isfinite(values).any() for values in found.values())
