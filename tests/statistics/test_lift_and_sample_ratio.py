"""A lift's interval covers the truth; the sample ratio cries wolf as rarely as it says."""

from __future__ import annotations

import numpy as np
import pytest

from controller.statistics.lift import lift_of
from controller.statistics.sample_ratio import FREEZE_LOG10, Draws, SampleRatio


@pytest.mark.parametrize(("share", "requests"), [(0.5, 100), (0.02, 3_000)])
def test_each_bound_of_a_lift_is_wrong_in_about_2_5_percent(share: float, requests: int) -> None:
    rng, runs = np.random.default_rng(21), 1_500
    rate = 0.05 * (1.0 + 0.4 * np.sin(np.arange(60) / 10.0))
    n = rng.binomial(requests, share, (runs, 60))
    k, j = rng.binomial(n, 1.1 * rate), rng.binomial(requests - n, rate)
    found = [lift_of(n[i], k[i], requests - n[i], j[i]) for i in range(runs)]
    lifts = [lift for lift in found if lift is not None]
    assert len(lifts) == runs
    assert np.mean([lift.lower > 0.1 for lift in lifts]) < 0.037
    assert np.mean([lift.upper < 0.1 for lift in lifts]) < 0.037


def test_a_ramp_while_the_rate_moves_makes_no_lift() -> None:
    n, m = np.array([1_000, 5_000]), np.array([9_000, 5_000])
    lift = lift_of(n, np.array([40, 300]), m, np.array([360, 300]))
    assert lift is not None
    assert lift.middle == pytest.approx(0.0)


def test_few_clicks_give_no_lift() -> None:
    assert lift_of(*(np.array([n]) for n in (1_000, 19, 1_000, 50))) is None


def most_evidence(rng: np.random.Generator, chance: float, kept: float, hours: int) -> float:
    process, most = SampleRatio(2), 0.0
    for _ in range(hours):
        process.begin()
        for _ in range(20):
            own = int(rng.binomial(rng.binomial(2_000, chance), kept))
            others = int(rng.binomial(2_000, 1.0 - chance))
            draws = [Draws(0, chance, own, others), Draws(1, 1.0 - chance, others, own)]
            process.add(draws)
            most = max(most, process.evidence_log10())
    return most


@pytest.mark.parametrize("chance", [0.5, 0.02])
def test_evidence_of_one_in_ten_is_as_rare_by_chance(chance: float) -> None:
    rng, runs = np.random.default_rng(22), 100
    most = []
    for _ in range(runs):
        process, peak = SampleRatio(2), 0.0
        for _ in range(24):
            process.begin()
            own = int(rng.binomial(20_000, chance))
            process.add(
                [Draws(0, chance, own, 20_000 - own), Draws(1, 1.0 - chance, 20_000 - own, own)]
            )
            peak = max(peak, process.evidence_log10())
        most.append(peak)
    assert np.mean(np.array(most) >= 1.0) <= 0.1
    assert max(most) < FREEZE_LOG10


def test_a_loss_of_5_percent_of_an_arm_is_found() -> None:
    assert most_evidence(np.random.default_rng(23), 0.5, 0.95, 2) >= FREEZE_LOG10
    assert most_evidence(np.random.default_rng(23), 0.5, 1.0, 2) < FREEZE_LOG10
