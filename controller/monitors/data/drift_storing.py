"""References as plain arrays, a row for each feature of each arm, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.monitors.counting.nesting import text_array
from controller.monitors.monitor import Arrays
from controller.statistics.reference_bins import (
    CELLS,
    DECISION_BINS,
    MOST_CATEGORIES,
    ReferenceBins,
)


def reference_arrays(arms: Sequence[Mapping[str, ReferenceBins]]) -> Arrays:
    """NaN stands where there is nothing."""
    every = [(n, name, bins) for n, arm in enumerate(arms) for name, bins in arm.items()]
    many = len(every)
    edges = np.full((many, DECISION_BINS - 1), np.nan)
    covariances = np.full((many, CELLS, CELLS), np.nan)
    categories = np.full((many, MOST_CATEGORIES), np.nan)
    for row, (_, _, bins) in enumerate(every):
        edges[row, : bins.edges.size] = bins.edges
        if bins.covariance is not None:
            covariances[row] = bins.covariance
        if bins.categories is not None:
            categories[row, : bins.categories.size] = bins.categories
    return {
        "of": np.array([n for n, _, _ in every], dtype=np.int64),
        "features": text_array([name for _, name, _ in every]),
        "edges": edges,
        "counts": np.array([b.counts for _, _, b in every], np.int64).reshape(many, CELLS),
        "covariances": covariances,
        "categories": categories,
        "ranges": np.array([b.quartile_range for _, _, b in every], dtype=np.float64),
        "knots": np.array([b.knots for _, _, b in every]).reshape(many, DECISION_BINS + 1),
    }


def references_from(
    arrays: Mapping[str, NDArray[Any]], arms: int
) -> tuple[dict[str, ReferenceBins], ...]:
    """What was stored, by arm. Raise KeyError or ValueError on anything else."""
    many = len(arrays["of"])
    shapes = {
        "edges": (many, DECISION_BINS - 1),
        "counts": (many, CELLS),
        "covariances": (many, CELLS, CELLS),
        "categories": (many, MOST_CATEGORIES),
        "ranges": (many,),
        "knots": (many, DECISION_BINS + 1),
    }
    if any(arrays[name].shape != shape for name, shape in shapes.items()):
        raise ValueError("reference bins are not in a shape this program writes")
    found: tuple[dict[str, ReferenceBins], ...] = tuple({} for _ in range(arms))
    for row, (of, name) in enumerate(zip(arrays["of"], arrays["features"].tolist(), strict=True)):
        edges, categories = arrays["edges"][row], arrays["categories"][row]
        covariance = arrays["covariances"][row]
        found[of][name] = ReferenceBins(
            edges[np.isfinite(edges)],
            arrays["counts"][row],
            None if np.isnan(covariance).any() else covariance,
            categories[np.isfinite(categories)] if np.isfinite(categories).any() else None,
            float(arrays["ranges"][row]),
            arrays["knots"][row],
        )
    return found
