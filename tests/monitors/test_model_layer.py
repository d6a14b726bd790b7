"""Signals of what models answer move when they should, and stay when they should not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from controller.core.readings import Reading, ReadingState, SignalKey
from controller.monitors.model.attribution import ranking_agreement
from controller.monitors.model.scores import BINS, LEARNT_ROWS, SCORE
from controller.settings import Settings
from controller.statistics.drift_distance import population_stability_indices
from controller.statistics.score_bins import bin_of_cell, binned
from controller.telemetry.schema import MODEL, SERVED
from tests.monitors.telemetry_rows import Watch, attempt, click, served

START = 1_790_000_040.0
"""A whole minute."""
Make = Callable[[np.random.Generator], dict[str, Any]]


class Story:
    """Seconds go by in steps; every request is of the primary unless its row says otherwise."""

    def __init__(self, step_s: int, rows: int, seed: int = 1) -> None:
        self.watch = Watch(Settings(attribution_window_s=10.0))
        self.rng = np.random.default_rng(seed)
        self.at_s, self._step_s, self._rows = START, step_s, rows
        self.watch.tick(START)

    def go(self, steps: int, make: Make, chance: Callable[[float], float] | None = None) -> None:
        for _ in range(steps):
            times = self.at_s + (np.arange(self._rows) + 0.5) * self._step_s / self._rows
            rows = [served(at_s, at_s=at_s - 0.001, **make(self.rng)) for at_s in times.tolist()]
            self.watch.feed(rows)
            if chance is not None:
                hit = [r for r in rows if self.rng.random() < chance(r["top_score"])]
                self.watch.click([click(r, 0.1, top_score=r["top_score"]) for r in hit])
            self.at_s += self._step_s
            self.watch.tick(self.at_s)

    def __getitem__(self, name: str) -> Reading:
        window_s = self.watch.set.catalogue.specs[name].default_window_s
        return self.watch.readings[SignalKey(name, (("arm", "primary"),), window_s)]


def scored(mean: float = -3.0, version: str = "v1") -> Make:
    return lambda rng: {
        "top_score": rng.normal(mean, 1.0),
        "margin": 0.25,
        "entropy": 2.0,
        "attempts": [attempt() | {"model_version": version}],
    }


def test_scores_that_stay_are_stable_and_scores_that_move_are_not() -> None:
    story = Story(30, 1_000)
    story.go(4, scored())
    assert story["score.psi"].state is ReadingState.INSUFFICIENT
    assert "learning v1: 4000 of 5000 rows" in story["score.psi"].note
    story.go(6, scored())
    assert story["score.psi"].value == pytest.approx(0.0, abs=0.02)
    assert story["score.p50"].value == pytest.approx(-3.0, rel=0.05)
    assert story["confidence.margin_p50"].value == pytest.approx(0.25, rel=0.07)
    assert story["confidence.entropy_p50"].value == pytest.approx(2.0, rel=0.07)
    story.go(8, scored(-2.0))
    psi = story["score.psi"].value
    assert psi is not None
    assert psi > 0.25


def test_a_new_version_is_learnt_afresh_and_is_not_drift() -> None:
    story = Story(30, 1_000)
    story.go(7, scored())
    story.go(2, scored(50.0, "v2"))
    assert story["score.psi"].state is ReadingState.INSUFFICIENT
    assert "learning v2" in story["score.psi"].note
    story.go(5, scored(50.0, "v2"))
    assert story["score.psi"].value == pytest.approx(0.0, abs=0.03)


def test_an_arm_that_made_no_slate_is_idle() -> None:
    story = Story(30, 50)
    story.go(5, lambda _: {"top_score": 1.0, "arm": "fallback", "attempts": [attempt("fallback")]})
    assert story["score.p50"].state is ReadingState.IDLE
    assert story["ctr_estimated"].state is ReadingState.INSUFFICIENT


def test_unchanged_independent_scores_rarely_look_moved() -> None:
    rng = np.random.default_rng(20)
    learnt = np.bincount(SCORE.index(rng.normal(size=LEARNT_ROWS)), minlength=SCORE.size)
    true = np.bincount(SCORE.index(rng.normal(size=2_000_000)), minlength=SCORE.size)
    bin_of = bin_of_cell(learnt, BINS)
    chances = binned(true, bin_of, BINS) / true.sum()
    windows = rng.multinomial(500, chances, size=20_000)
    psi = population_stability_indices(np.tile(binned(learnt, bin_of, BINS), (20_000, 1)), windows)
    assert np.count_nonzero(psi > 0.1) <= 2
    assert psi.mean() < 0.025


def rate(score: float) -> float:
    return float(0.6 / (1.0 + np.exp(-score)))


def test_the_estimate_follows_the_mix_and_the_gap_tells_when_scores_mean_less() -> None:
    story = Story(60, 1_500)
    story.go(3, scored(-1.0), rate)
    assert story["ctr_gap"].state is ReadingState.INSUFFICIENT
    story.go(7, scored(-1.0), rate)
    before = story["ctr_estimated"].value
    assert before is not None
    assert story["ctr_gap"].value == pytest.approx(0.0, abs=0.15)
    assert story["calibration.error"].value == pytest.approx(0.0, abs=0.02)
    story.go(6, scored(0.0), rate)
    after = story["ctr_estimated"].value
    assert after is not None
    assert after > 1.3 * before
    assert story["ctr_gap"].value == pytest.approx(0.0, abs=0.15)
    story.go(6, scored(0.0), lambda score: 0.5 * rate(score))
    assert story["ctr_estimated"].value == pytest.approx(after, rel=0.1)
    assert story["ctr_gap"].value == pytest.approx(-0.5, abs=0.12)
    error = story["calibration.error"].value
    assert error is not None
    assert error > 0.08


def leaning(**means: float) -> Make:
    return lambda rng: {
        "contributions": [{"feature": n, "value": rng.normal(0.0, m)} for n, m in means.items()]
    }


def test_an_arm_that_leans_on_other_inputs_than_in_training_is_seen() -> None:
    story = Story(30, 200)
    story.go(2, leaning(taste=4.0, heat=2.0, age=0.1))
    assert "no model said" in story["attribution.ndcg"].note
    reference = [
        {"feature": n, "mean_contribution": m}
        for n, m in (("taste", 3.0), ("heat", 1.5), ("age", 0.1))
    ]
    told = {"at_s": START, "arm": "primary", "version": "v1", "status": "serving", "sha256": "ab"}
    story.watch.feed([told | {"reference": reference}], MODEL)
    story.go(2, leaning(taste=4.0, heat=2.0, age=0.1))
    assert story["attribution.ndcg"].value == 1.0
    story.go(12, leaning(taste=0.1, heat=2.0, age=4.0))
    ndcg = story["attribution.ndcg"].value
    assert ndcg is not None
    assert ndcg < 0.9


def test_an_exchange_among_inputs_that_hardly_matter_is_no_shift() -> None:
    reference = {"a": 10.0, "b": 5.0, "c": 0.02, "d": 0.01}
    assert ranking_agreement(reference, reference | {"c": 0.01, "d": 0.02}) > 0.999
    assert ranking_agreement(reference, {"d": 9.0, "c": 8.0, "b": 7.0, "a": 6.0}) < 0.9


def showing(items: int, diversity: float) -> Make:
    def make(rng: np.random.Generator) -> dict[str, Any]:
        shown = (rng.integers(items) + np.arange(10)) % items
        slate = [{"item_id": f"item-{n}", "position": p} for p, n in enumerate(shown.tolist())]
        return {"slate": slate, "slate_diversity": diversity}

    return make


def test_slates_that_narrow_cover_less_and_repeat_more() -> None:
    story = Story(60, 40)
    story.go(60, showing(300, 0.8))
    assert story["coverage"].value == pytest.approx(1.0, abs=0.05)
    share = story["popularity_share"].value
    assert share is not None
    assert share < 0.15
    assert story["slate_diversity.mean"].value == pytest.approx(0.8, abs=1e-6)
    story.go(7, showing(12, 0.1))
    assert story["coverage"].value == pytest.approx(12 / 300, abs=0.02)
    share = story["popularity_share"].value
    assert share is not None
    assert share > 0.8
    assert story["slate_diversity.mean"].value == pytest.approx(0.1, abs=1e-6)


def test_coverage_is_not_told_before_the_catalogue_is_known() -> None:
    story = Story(60, 40)
    story.go(6, showing(300, 0.8))
    assert story["coverage"].state is ReadingState.INSUFFICIENT
    assert "after 3600s of watching" in story["coverage"].note


def test_a_click_told_twice_or_by_a_request_without_a_score_changes_nothing() -> None:
    watch = Watch(Settings(attribution_window_s=10.0))
    rows = [served(START + n, at_s=START + n, top_score=1.0) for n in range(20)]
    tally = watch.set._tallies.tally("calibration")
    watch.feed(rows, SERVED)
    watch.click([click(rows[0], top_score=1.0), click(rows[0], top_score=1.0), click(rows[1])])
    watch.tick(START + 25)
    assert tally.requests.total(START, START + 60) == 20
    assert tally.clicks.total(START, START + 60) == 1
