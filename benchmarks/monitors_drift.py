"""Drift: what it costs beside NumPy and Evidently, and how often it cries wolf."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.drift_simulation import (
    Rates,
    autoregressive,
    blocks_of,
    decisions_a_day,
    reference_of,
    window_rates,
)
from benchmarks.figure import Figure
from controller.statistics.binning import ColumnBins, count_columns
from controller.statistics.drift import compare, shifted
from controller.statistics.drift_distance import (
    kolmogorov_smirnov,
    population_stability_index,
    wasserstein,
)

COLUMNS = 20
BINS = 128
SEED = 20_261_124
"""Constants were chosen on other seeds; these only count."""
WINDOWS_PER_REFERENCE = 20
EVIDENTLY = ("evidently==0.7.23", "pandas<3")
"""This release imports a name that pandas 3 no longer has."""
EVIDENTLY_LIMIT_S = 1_800
_EVIDENTLY_RUN = """
import sys, time
import numpy as np, pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset
rows, columns = int(sys.argv[1]), int(sys.argv[2])
random = np.random.default_rng(1)
names = [f"c{n}" for n in range(columns)]
frames = [pd.DataFrame(random.normal(size=(rows, columns)), columns=names) for _ in range(2)]
shape = DataDefinition(numerical_columns=names)
spent = 0.0
for method in ("psi", "ks"):
    start = time.process_time()
    past, now = (Dataset.from_pandas(frame, data_definition=shape) for frame in frames)
    Report([DataDriftPreset(num_method=method)]).run(now, past).dict()
    spent += time.process_time() - start
print(f"CPU {spent}")
"""


def figures(quick: bool) -> Iterator[Figure]:
    """Cost first, then rates. The full run installs Evidently in a folder that is deleted."""
    rows = 200_000 if quick else 1_000_000
    own_s, floor_s = _columns_s(rows, 3 if quick else 5)
    yield _cost("searchsorted + bincount", rows, own_s, floor_s, 1.0 / 5.0)
    if not quick:
        evidently_s = _evidently_s(rows)
        if evidently_s is not None:
            yield _cost("Evidently", rows, own_s, evidently_s, 1.0 / 100.0)
    yield from _rates(1_000 if quick else 4_000)
    yield _decisions(5 if quick else 60)
    yield from _lone_values()


def _cost(peer: str, rows: int, own_s: float, peer_s: float, most: float) -> Figure:
    ratio = own_s / peer_s
    return Figure(
        f"PSI, KS, Wasserstein of {rows:,} x {COLUMNS}: {peer}",
        own_s * 1e3,
        "ms CPU",
        peer_s * 1e3,
        ratio,
        f"<= {most:.0%} of the peer",
        ratio <= most,
    )


def _columns_s(rows: int, rounds: int) -> tuple[float, float]:
    """CPU seconds of ours with all three effects, and of counting alone with NumPy."""
    rng = np.random.default_rng(SEED)
    past, now = rng.normal(size=(COLUMNS, rows)), rng.normal(size=(COLUMNS, rows))
    kept = [ColumnBins.fit(column, BINS) for column in past]

    def ours() -> None:
        for bins, counts in zip(kept, count_columns(kept, list(now)), strict=True):
            population_stability_index(bins.counts, counts)
            kolmogorov_smirnov(bins.counts, counts)
            wasserstein(bins.edges, bins.counts[:-2], counts[:-2])

    edges = [np.quantile(column, np.arange(1, BINS) / BINS) for column in past]

    def floor() -> None:
        for cuts, column in zip(edges, now, strict=True):
            np.bincount(cuts.searchsorted(column), minlength=BINS)

    pairs = [(_cpu_s(ours), _cpu_s(floor)) for _ in range(rounds)]
    return min(own for own, _ in pairs), min(plain for _, plain in pairs)


def _cpu_s(work: Callable[[], None]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def _evidently_s(rows: int) -> float | None:
    """CPU seconds of Evidently's PSI and KS in an environment of its own; None where it fails."""
    with tempfile.TemporaryDirectory() as folder:
        python = Path(folder) / "bin" / "python"
        try:
            venv.create(folder, with_pip=True)
            install = [str(python), "-m", "pip", "install", "--quiet", *EVIDENTLY]
            subprocess.run(install, check=True, capture_output=True, timeout=EVIDENTLY_LIMIT_S)
            run = [str(python), "-c", _EVIDENTLY_RUN, str(rows), str(COLUMNS)]
            done = subprocess.run(
                run, check=True, capture_output=True, text=True, timeout=EVIDENTLY_LIMIT_S
            )
            return float(done.stdout.rpartition("CPU ")[2])
        except (subprocess.SubprocessError, OSError, ValueError) as error:
            said = getattr(error, "stderr", None) or str(error)
            print(f"Evidently skipped: {str(said)[-500:]}", file=sys.stderr)
            return None


def _rates(windows: int) -> Iterator[Figure]:
    few = _windows(0.0, 100, 0.0, windows, 0)
    yield _at_most("windows of 100 rows flagged, no drift", few, 0.01)
    yield _at_most(
        "windows of 1,000 AR(1) 0.9 rows flagged", _windows(0.9, 1_000, 0.0, windows, 1), 0.05
    )
    moved = _windows(0.9, 1_000, 0.5, windows, 2)
    yield Figure(
        "windows of 1,000 AR(1) 0.9 rows at 0.5 sigma found",
        moved.flagged * 100.0,
        "%",
        90.0,
        moved.flagged / 0.9,
        f">= 90 % of {moved.windows:,} windows (standard error {moved.error:.1%})",
        moved.flagged >= 0.9,
    )
    long = _windows(0.99, 1_000, 0.0, windows // 4, 3)
    yield Figure(
        "windows of 1,000 AR(1) 0.99 rows without a verdict",
        long.untold * 100.0,
        "%",
        None,
        None,
        ">= 90 %",
        long.untold >= 0.9,
    )


def _windows(phi: float, rows: int, shift: float, windows: int, stream: int) -> Rates:
    return window_rates(phi, rows, shift, windows, SEED + stream, WINDOWS_PER_REFERENCE)


def _at_most(name: str, rates: Rates, most: float) -> Figure:
    """Two standard errors are allowed: what so many windows leave open."""
    rate, holds = rates.flagged, rates.flagged - 2.0 * rates.error <= most
    allowed = f"two standard errors of {rates.error:.2%} allowed"
    goal = f"<= {most:.0%} of {rates.windows:,} windows, {allowed}"
    return Figure(name, rate * 100.0, "%", most * 100.0, rate / most, goal, holds)


def _decisions(days: int) -> Figure:
    found = decisions_a_day(days, rows_per_s=10, phi=0.9, features=COLUMNS, seed=SEED)
    name = f"false drift decisions a day, {COLUMNS} features, {days} days"
    return Figure(name, found, "a day", 1.0, found, "<= 1 a day", found <= 1.0)


def _lone_values() -> Iterator[Figure]:
    rng = np.random.default_rng(SEED)
    reference = reference_of(rng.normal(size=50_000))
    values = rng.normal(size=10_000) + 1.0
    clean = _psi(values)  # of undrifted rows it is about .001, and 1 % of that is nothing
    values[17] = 1e9
    change = abs(_psi(values) / clean - 1.0)
    yield Figure(
        f"change of a PSI of {clean:.2f} by one outlier in 10,000 rows",
        change * 100.0,
        "%",
        1.0,
        change / 0.01,
        "< 1 %",
        change < 0.01,
    )
    found = 0
    for values in autoregressive(0.9, (100, 1_000), rng):
        nulled = np.where(rng.random(values.size) < 0.5, np.nan, values)
        found += bool(shifted({"input": compare(reference, blocks_of(reference, nulled))}))
    yield Figure(
        "windows with half the values null found",
        float(found),
        "%",
        100.0,
        found / 100.0,
        "100 %",
        found == 100,
    )


def _psi(values: NDArray[np.float64]) -> float:
    reference = reference_of(np.random.default_rng(SEED + 9).normal(size=50_000))
    return compare(reference, blocks_of(reference, values)).psi
