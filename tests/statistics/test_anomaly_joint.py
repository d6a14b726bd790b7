"""One score over several series."""

from __future__ import annotations

import math

import numpy as np
import pytest

from controller.statistics.anomaly_joint import JointScorer

NAMES = ("a", "b", "c")
POINTS = 1500


def correlated(seed: int = 5) -> np.ndarray:
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=POINTS)
    return np.stack([shared + 0.2 * rng.normal(size=POINTS) for _ in NAMES], axis=1)


def scores_of(rows: np.ndarray, scorer: JointScorer | None = None, start: int = 0) -> list[float]:
    scorer = scorer or JointScorer(NAMES)
    return [
        scorer.score(10.0 * (start + at), dict(zip(NAMES, row, strict=True)))
        for at, row in enumerate(rows.tolist())
    ]


def test_a_combination_is_odd_though_each_value_is_ordinary() -> None:
    rows = correlated()
    rows[1400] = 1.5, -1.5, 1.5
    found = scores_of(rows)
    assert found[1400] > max(found[200:1400])


def test_one_loud_signal_is_odd_and_named() -> None:
    rows, scorer = correlated(), JointScorer(NAMES)
    rows[1400, 1] = 30.0
    found = scores_of(rows[:1401], scorer)
    assert found[1400] > max(found[200:1400])
    assert scorer.oddest == "b"


def test_missing_signals_are_left_out_and_not_zero() -> None:
    rows = correlated() + 100.0
    holed = rows.copy()
    holed[1400:1420, 0] = math.nan
    assert max(scores_of(holed)[1400:1420]) <= max(scores_of(rows)[200:1400])
    assert JointScorer(NAMES).score(0.0, {}) == 0.0


def test_it_continues_after_a_snapshot() -> None:
    rows = correlated()
    scorer, restored = JointScorer(NAMES), JointScorer(NAMES)
    scores_of(rows[:1000], scorer)
    restored.restore(scorer.snapshot())
    later = scores_of(rows[1000:], restored, 1000)
    assert later == scores_of(rows[1000:], scorer, 1000)
    with pytest.raises(ValueError, match="other series"):
        JointScorer(("x",)).restore(scorer.snapshot())
