"""Many features at once come out as one by one, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.statistics.drift import compare, is_enough, join_blocks
from controller.statistics.drift_distance import (
    kolmogorov_smirnov,
    kolmogorov_smirnovs,
    population_stability_index,
    population_stability_indices,
)
from controller.statistics.rao_scott import rao_scott_p_value, rao_scott_p_values
from controller.statistics.reference_bins import CELLS, ReferenceBins


def features(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """References (many, cells) and blocks (many, blocks, cells), some with cells nobody fills."""
    random = np.random.default_rng(seed)
    many, blocks = int(random.integers(1, 25)), int(random.integers(5, 16))
    chances = random.dirichlet(np.full(CELLS, random.choice([0.3, 5.0])), size=many)
    empty = random.random((many, CELLS)) < random.choice([0.0, 0.2, 0.6])
    empty[:, 0] = False
    chances = np.where(empty, 0.0, chances) + np.eye(CELLS)[0] * 1e-3
    chances /= chances.sum(axis=1, keepdims=True)
    references = np.array([random.multinomial(50_000, p) for p in chances])
    moved = chances if random.random() < 0.5 else np.roll(chances, 1, axis=0)
    found = [random.multinomial(int(random.integers(100, 300)), p, size=blocks) for p in moved]
    return references, np.array(found)


@given(seed=st.integers(0, 2**32))
@settings(max_examples=100, deadline=None)
def test_effects_and_p_values_are_those_of_each_alone(seed: int) -> None:
    references, blocks = features(seed)
    totals = blocks.sum(axis=1)
    totals[len(totals) // 2] = 0
    psi = population_stability_indices(references, totals).tolist()
    pairs = list(zip(references, totals, strict=True))
    assert psi == [population_stability_index(reference, total) for reference, total in pairs]
    ks = kolmogorov_smirnovs(references, totals).tolist()
    assert ks == [kolmogorov_smirnov(reference, total) for reference, total in pairs]
    p_values = rao_scott_p_values(references, blocks).tolist()
    each = zip(references, blocks, strict=True)
    assert p_values == [rao_scott_p_value(reference, mine) for reference, mine in each]


@pytest.mark.parametrize("filled", [0, 3])
def test_blocks_that_never_differ_have_the_same_verdict(filled: int) -> None:
    references = np.zeros((2, CELLS), np.int64)
    references[:, filled] = 1_000
    blocks = np.zeros((2, 6, CELLS), np.int64)
    blocks[:, :, filled] = 200
    expected = [rao_scott_p_value(references[0], blocks[0])] * 2
    assert rao_scott_p_values(references, blocks).tolist() == expected


@given(sizes=st.lists(st.integers(1, 250), min_size=1, max_size=60))
@settings(max_examples=50, deadline=None)
def test_what_is_enough_is_what_compare_tests(sizes: list[int]) -> None:
    random = np.random.default_rng(sum(sizes))
    blocks = np.array([random.multinomial(size, np.full(CELLS, 1 / CELLS)) for size in sizes])
    result = compare(ReferenceBins(np.zeros(0), np.full(CELLS, 5_000)), blocks)
    assert is_enough(sizes) == (result.p_value is not None)
    assert result.blocks == len(join_blocks(blocks))
