"""Rows of an AR(1), their references, and how often windows of them are taken for drift."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from controller.monitors.data.drift import LOOK_EVERY_S, level_of_a_look
from controller.statistics.drift import LEAST_PSI, compare, shifted
from controller.statistics.drift_distance import population_stability_indices
from controller.statistics.drift_null import KnownNull
from controller.statistics.reference_bins import CELLS, ReferenceBins
from models.reference import reference_bins

Floats = NDArray[np.float64]

REFERENCE_ROWS = 50_000
SLOT_ROWS = 50
DAY_S = 86_400
WINDOW_S = 300


def autoregressive(phi: float, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    """Standard normal rows along the last axis, each like the one before it by ``phi``."""
    noise = rng.normal(size=shape)
    noise[..., 1:] *= np.sqrt(1.0 - phi * phi)
    rows: Floats = lfilter([1.0], [1.0, -phi], noise, axis=-1)
    return rows


def reference_of(values: Floats) -> ReferenceBins:
    """As a trainer publishes it and a monitor reads it."""
    (bins,) = reference_bins([{"input": value} for value in values.tolist()])
    counts, covariance = np.array(bins.counts), np.array(bins.covariance)
    return ReferenceBins.of(np.array(bins.edges), counts, bins.null_count, covariance)


def blocks_of(reference: ReferenceBins, values: Floats) -> NDArray[np.int64]:
    """A window's counts in slots of `SLOT_ROWS` rows."""
    cells = reference.cells_of(values)
    slots = -(-values.size // SLOT_ROWS)
    of = np.arange(values.size) // SLOT_ROWS
    return np.bincount(of * CELLS + cells, minlength=slots * CELLS).reshape(slots, CELLS)


@dataclass(frozen=True, slots=True)
class Rates:
    """Shares of ``windows``: flagged, and without a verdict. ``error`` is the standard error of
    the first, from how references differ, since windows of one reference are not independent."""

    flagged: float
    untold: float
    windows: int
    error: float


def window_rates(
    phi: float, rows: int, shift: float, windows: int, seed: int, per_reference: int = 50
) -> Rates:
    """Over windows of ``rows`` rows, so many to each reference of 50,000."""
    rng = np.random.default_rng(seed)
    flagged, untold = [], []
    for _ in range(-(-windows // per_reference)):
        reference = reference_of(autoregressive(phi, (REFERENCE_ROWS,), rng))
        found = [
            compare(reference, blocks_of(reference, values))
            for values in autoregressive(phi, (per_reference, rows), rng) + shift
        ]
        flagged.append(np.mean([bool(shifted({"input": result})) for result in found]))
        untold.append(np.mean([result.p_value is None for result in found]))
    references = len(flagged)
    error = float(np.std(flagged, ddof=1)) / references**0.5 if references > 1 else 1.0
    seen = references * per_reference
    return Rates(float(np.mean(flagged)), float(np.mean(untold)), seen, error)


def decisions_a_day(days: int, *, rows_per_s: int, phi: float, features: int, seed: int) -> float:
    """False onsets of "a feature moved" per day of looks every 10 s at windows of 5 minutes.

    At the level of counts; the level of a look and the rule are the monitor's own at the default
    setting, Benjamini-Hochberg over the features of each look included. Each day has references
    of its own, so that no lucky one decides the mean.
    """
    rng = np.random.default_rng(seed)
    level = level_of_a_look(1.0, 1)
    looks = DAY_S // LOOK_EVERY_S
    onsets = 0
    for _ in range(days):
        references = [
            reference_of(autoregressive(phi, (REFERENCE_ROWS,), rng)) for _ in range(features)
        ]
        null = KnownNull.of(references)
        p_values = np.ones((features, looks))
        for place, reference in enumerate(references):
            totals = _window_totals(reference, phi, rows_per_s, rng)
            known = np.broadcast_to(reference.counts, totals.shape)
            large = np.flatnonzero(population_stability_indices(known, totals) >= LEAST_PSI)
            if large.size:
                at = np.full(large.size, place)
                p_values[place, large] = null.p_values(at, totals[large])
        ranked = np.sort(p_values, axis=0)
        limits = level * np.arange(1, features + 1)[:, None] / features
        moved = np.asarray((ranked <= limits).any(axis=0))
        onsets += int(np.count_nonzero(moved[1:] & ~moved[:-1]) + moved[0])
    return onsets / days


def _window_totals(
    reference: ReferenceBins, phi: float, rows_per_s: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Counts (looks, cells) of a day's windows; the first ones reach back before the day."""
    steps = (DAY_S + WINDOW_S) // LOOK_EVERY_S
    per_step = rows_per_s * LOOK_EVERY_S
    cells = reference.cells_of(autoregressive(phi, (steps * per_step,), rng))
    of = np.arange(cells.size) // per_step
    counts = np.bincount(of * CELLS + cells, minlength=steps * CELLS).reshape(steps, CELLS)
    upto = np.vstack((np.zeros((1, CELLS), np.int64), counts.cumsum(axis=0)))
    width = WINDOW_S // LOOK_EVERY_S
    totals: NDArray[np.int64] = (upto[width:] - upto[:-width])[1:]
    return totals
