"""Which groups explain a change: the right one, the simplest one, and none without a change."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from controller.statistics.causes_inputs import input_causes
from controller.statistics.causes_rates import overdispersion, rate_causes, whole_change

Counts = NDArray[np.int64]

# All, two columns of three values each, and their nine products.
PARENTS = np.array([(-1, -1)] * 7 + [(a, b) for a in (1, 2, 3) for b in (4, 5, 6)], dtype=np.int64)


def members(rng: np.random.Generator, rows: int) -> Counts:
    """The groups of each row: all, one of each column, their product."""
    first, second = rng.integers(0, 3, rows), rng.integers(0, 3, rows)
    return np.stack((0 * first, 1 + first, 4 + second, 7 + 3 * first + second), axis=1)


def counted(rng: np.random.Generator, groups: Counts, rates: NDArray[np.float64]) -> Counts:
    """(requests, events) of each group."""
    events = rng.random(len(groups)) < rates
    counts = [np.bincount(g.ravel(), minlength=len(PARENTS)) for g in (groups, groups[events])]
    return np.stack(counts, axis=1)


def rates_found(
    seed: int, group: int | None = None, factor: float = 1.0, wobble: float = 0.0
) -> list[tuple[int, float]]:
    rng = np.random.default_rng(seed)
    steps = []
    for _ in range(30):
        each = members(rng, 1_000)
        rate = 0.05 * np.exp(wobble * rng.normal())
        steps.append(counted(rng, each, np.full(1_000, rate)))
    recent = members(rng, 10_000)
    touched = np.zeros(10_000, bool) if group is None else (recent == group).any(axis=1)
    now = counted(rng, recent, np.where(touched, 0.05 * factor, 0.05))
    found = rate_causes(np.array(steps), now, PARENTS, 3)
    return [(cause.group, cause.share) for cause in found]


def test_a_single_value_whose_rate_fell_is_first_and_explains_nearly_all() -> None:
    for seed in range(20):
        (group, share), *others = rates_found(seed, group=2, factor=0.5)
        assert (group, others) == (2, [])
        assert share > 0.5


def test_a_product_is_named_when_neither_value_explains_it() -> None:
    firsts = [rates_found(seed, group=11, factor=0.3)[:1] for seed in range(20)]
    assert sum(first[0][0] == 11 for first in firsts if first) >= 19


def test_no_group_is_named_when_all_fell_alike_or_nothing_did() -> None:
    assert sum(bool(rates_found(seed, group=0, factor=0.6)) for seed in range(60)) <= 2
    assert sum(bool(rates_found(seed)) for seed in range(60)) <= 2


def test_a_rate_that_wobbles_for_all_names_no_group() -> None:
    assert sum(bool(rates_found(seed, wobble=0.3)) for seed in range(60)) <= 2


def test_the_change_of_all_is_measured_by_how_steps_differ_by_themselves() -> None:
    rng = np.random.default_rng(3)
    quiet = np.array([[[1_000, k]] for k in rng.binomial(1_000, 0.05, 40)])
    restless = np.array([[[1_000, k]] for k in rng.binomial(1_000, rng.uniform(0.02, 0.08, 40))])
    now = np.array([[1_000, 80]])
    assert whole_change(quiet, now)[1] > 3.5 > whole_change(restless, now)[1]
    assert overdispersion(restless) > 3.0 > 2.0 > overdispersion(quiet) >= 1.0
    assert whole_change(quiet[:0], now) == (0.0, 0.0)


def inputs_found(
    seed: int, group: int | None, shift: float = 1.0, nulls: bool = False
) -> list[int]:
    rng = np.random.default_rng(seed)
    before = rng.normal(size=(3_000, 5)).astype(np.float32)
    now = rng.normal(size=(900, 5)).astype(np.float32)
    old, new = members(rng, 3_000), members(rng, 900)
    if group is not None:
        touched = (new == group).any(axis=1)
        now[touched, 3] = np.nan if nulls else now[touched, 3] + shift
    found = input_causes(before, now, old, new, PARENTS, 3)
    return [value for cause in found for value in (cause.group, cause.feature)]


def test_the_group_and_feature_that_moved_are_first() -> None:
    for seed in range(10):
        assert inputs_found(seed, group=5)[:2] == [5, 3]
        assert inputs_found(seed, group=12, shift=1.5)[:2] == [12, 3]
        assert inputs_found(seed, group=5, nulls=True)[:2] == [5, 3]


def test_a_feature_that_moved_everywhere_is_named_without_a_group() -> None:
    for seed in range(10):
        assert inputs_found(seed, group=0)[:2] == [0, 3]


def test_nothing_is_named_when_no_input_moved() -> None:
    assert sum(bool(inputs_found(seed, None)) for seed in range(100)) <= 4


def test_odd_values_raise_nothing() -> None:
    groups = np.zeros((100, 1), np.int64)
    alone = np.full((1, 2), -1, np.int64)
    odd = np.full((100, 3), np.nan, np.float32)
    odd[:, 1], odd[:, 2] = 7.0, np.inf
    assert input_causes(odd, odd, groups, groups, alone, 3) == []
    assert input_causes(odd[:0], odd, groups[:0], groups, alone, 3) == []
