"""What the arms' models say of their slates."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.visits import Floats
from simulator.world.scores import ScoreRows


def _scores(factor: float, personal: bool = True) -> Floats:
    return ScoreRows(seed=1, slate_size=10).of(
        0,
        50,
        np.arange(50),
        is_personal=np.full(50, personal),
        fatigue=np.zeros(50),
        off_sd=np.zeros(50),
        margin_factor=np.full(50, factor),
    )


def test_a_model_that_prefers_nothing_has_small_leads_and_even_scores() -> None:
    usual, flat = _scores(1.0), _scores(0.1)
    assert flat[:, 0] == pytest.approx(usual[:, 0])
    assert flat[:, 1] == pytest.approx(0.1 * usual[:, 1])
    assert np.all(flat[:, 2] > usual[:, 2])
    assert np.all(flat[:, 2] <= np.log(10))


def test_an_in_process_arm_has_no_preference_to_lose() -> None:
    assert np.array_equal(_scores(0.1, personal=False), _scores(1.0, personal=False))
