"""Series like those of servers and advertising, healthy or with labelled anomalies.

Kinds: seasonal metrics, taxi-like demand, flat CPU with normal bursts, noisy CPU, latency, request
counts, prices of ads, network, disk, traffic speed at irregular times, a wandering temperature,
mentions, a daily square wave, a saw-tooth of memory. Labels are windows of a tenth of the series
around the anomalies, which begin after the first fifth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

DAY_S = 86_400.0
KINDS = (
    "seasonal", "taxi", "flat cpu", "cpu", "latency", "requests", "ads", "network", "disk",
    "traffic", "temperature", "mentions", "square", "memory",
)  # fmt: skip
FAULTS = ("spike", "dip", "shift", "zero", "ramp", "variance", "flat", "bursts", "season lost")
_STEP_S = {"taxi": 1800.0, "ads": 3600.0}
_POINTS = {"taxi": 7000, "ads": 1600, "traffic": 2500}
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Labelled:
    """``odd`` is true inside the labelled windows."""

    kind: str
    times_s: Array
    values: Array
    odd: NDArray[np.bool_]


def ar_noise(rng: np.random.Generator, count: int, phi: float) -> Array:
    """AR(1) of unit variance."""
    found: Array = lfilter([np.sqrt(1 - phi * phi)], [1, -phi], rng.normal(size=count))
    return found


def times_of(kind: str, rng: np.random.Generator) -> Array:
    """A start at any hour; traffic comes irregularly."""
    count = _POINTS.get(kind, 4032)
    start_s = 1.4e9 + DAY_S * rng.integers(7) + 300.0 * rng.integers(288)
    if kind == "traffic":
        steps = rng.choice([300.0, 600.0, 900.0, 3600.0], p=[0.9, 0.05, 0.04, 0.01], size=count)
        return np.asarray(start_s + np.cumsum(steps))
    return np.asarray(start_s + _STEP_S.get(kind, 300.0) * np.arange(count))


def healthy(kind: str, times_s: Array, rng: np.random.Generator) -> Array:
    """One healthy series of this kind."""
    count = len(times_s)
    phase = 2 * np.pi * times_s / DAY_S
    season = np.sin(phase) + 0.4 * np.sin(2 * phase + 1)
    weekend = times_s // DAY_S % 7 >= 5
    now_and_then = rng.random(count) < 0.01
    if kind == "seasonal":
        noise = ar_noise(rng, count, rng.choice([0.0, 0.7, 0.9]))
        return np.asarray(50 + 10 * season * (1 - 0.4 * weekend) + 2 * noise)
    if kind == "taxi":
        week = season * (1 - 0.3 * weekend) * 7000 - 1500 * weekend
        return np.asarray(15_000 + week + 700 * ar_noise(rng, count, 0.8))
    if kind == "cpu":
        wave = 6 * season * (rng.random() < 0.3)
        return np.asarray(45 + wave + 5 * ar_noise(rng, count, rng.choice([0.0, 0.5, 0.95])))
    if kind == "latency":
        return np.asarray(40 + 6 * np.exp(0.5 * ar_noise(rng, count, 0.5)))
    if kind == "requests":
        counts = rng.poisson(np.maximum(1, 60 + 45 * season * (rng.random() < 0.7)))
        return np.asarray(counts * (1 + now_and_then * rng.uniform(0.5, 2, count)))
    if kind == "ads":
        price = np.exp(0.35 * ar_noise(rng, count, 0.6) + 0.15 * season * (rng.random() < 0.5))
        return np.asarray(0.1 * price * (1 + 0.6 * now_and_then * rng.pareto(3, count)))
    if kind == "traffic":
        flow = 70 + 8 * season * (1 - 0.5 * weekend) + 5 * ar_noise(rng, count, 0.6)
        return np.clip(flow - 20 * now_and_then, 5, None)
    if kind == "temperature":
        return np.asarray(70 + 8 * ar_noise(rng, count, 0.995) + 0.8 * rng.normal(size=count))
    return _bursty(kind, times_s, season, rng)


def _bursty(kind: str, times_s: Array, season: Array, rng: np.random.Generator) -> Array:
    count = len(times_s)
    if kind == "flat cpu":
        values = 2 + 0.1 * rng.normal(size=count)
        for at in np.flatnonzero(rng.random(count) < rng.choice([0.004, 0.01, 0.02])):
            values[at : at + rng.integers(1, 4)] += rng.gamma(4, 0.5)
        return np.asarray(values)
    if kind == "network":
        return np.asarray(rng.gamma(1.2, 4e4, count) * (1 + 5 * (rng.random(count) < 0.015)))
    if kind == "disk":
        return np.where(rng.random(count) < 0.85, 0.0, rng.exponential(1e6, count))
    if kind == "mentions":
        mean = np.maximum(2, 12 + 8 * season)
        bursts = 1 + 4 * (rng.random(count) < 0.003)
        return np.asarray(rng.negative_binomial(2, 2 / (2 + mean)) * bursts.astype(np.float64))
    if kind == "square":
        wave = np.where(times_s % DAY_S < 0.4 * DAY_S, 80.0, 20.0)
        return np.asarray(wave + rng.normal(size=count) * rng.choice([0.0, 2.0]))
    if kind == "memory":
        saw = np.arange(count) % rng.integers(200, 500)
        return np.asarray(30 + 0.05 * saw + 0.5 * rng.normal(size=count))
    raise ValueError(f"unknown kind {kind!r}; accepted: {', '.join(KINDS)}")


def labelled(kind: str, rng: np.random.Generator) -> Labelled:
    """One series with one to three anomalies; some with missing points."""
    times_s = times_of(kind, rng)
    values = healthy(kind, times_s, rng)
    count, faults = len(values), int(rng.choice([1, 1, 2, 2, 3]))
    odd = np.zeros(count, dtype=bool)
    width = int(0.1 * count / faults)
    slots = np.linspace(0.2 * count, 0.93 * count, 2 * faults + 1).astype(int)
    original = values.copy()
    for at in range(faults):
        first = int(rng.integers(slots[2 * at], slots[2 * at + 1] + (slots[1] - slots[0]) // 2))
        longest = int(rng.uniform(0.02, 0.04) * count / faults) + 8
        length = _break(str(rng.choice(FAULTS)), values, original, first, longest, rng)
        middle = first + min(length, width // 2) // 2
        start = max(0, middle - width // 2)
        odd[start : start + width] = True
    if kind not in ("seasonal", "temperature", "cpu"):
        values = np.maximum(values, 0.0)
    kept = rng.random(count) > (0.02 if rng.random() < 0.3 else 0.0)
    return Labelled(kind, times_s[kept], values[kept], odd[kept])


def _break(
    fault: str, values: Array, original: Array, first: int, longest: int, rng: np.random.Generator
) -> int:
    """Put the fault in from ``first`` on; how many points it has."""
    low, middle, high = np.percentile(original, [1, 50, 99])
    spread = float(np.std(np.clip(original, low, high))) + 1e-9
    change = float(np.median(np.abs(np.diff(original)))) / 0.95 + 1e-9
    local = max(min(spread, 3 * change), 0.2 * spread)
    sign = rng.choice([-1, 1])
    length = {"spike": 3, "dip": 5}.get(fault, longest)
    if fault in ("spike", "dip", "zero"):
        length = int(rng.integers(1, length + 1))
    part = slice(first, first + length)
    count = len(values[part])
    if fault == "spike":
        values[part] = np.maximum(values[part], rng.choice([0, 1]) * high)
        values[part] += rng.uniform(6, 15) * local
    elif fault == "dip":
        values[part] -= rng.uniform(6, 12) * local
    elif fault == "shift":
        end = first + length if rng.random() < 0.5 else len(values)
        values[first:end] += sign * rng.uniform(3, 6) * spread
    elif fault == "zero":
        values[part] = 0.0 if rng.random() < 0.7 else low - 3 * spread
    elif fault == "ramp":
        values[part] += sign * np.linspace(0, rng.uniform(4, 7) * spread, count)
    elif fault == "variance":
        values[part] += rng.normal(size=count) * rng.uniform(3, 5) * local
    elif fault == "flat":
        values[part] = values[first]
    elif fault == "bursts":
        values[part] += (rng.random(count) < 0.3) * rng.uniform(4, 8) * spread
    else:
        values[part] = middle + rng.normal(size=count) * change
    return length
