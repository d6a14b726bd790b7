"""A long run's requests as counts per equal span of time, and the plainest ones per second.

Counts add exactly; a latency quantile is within 2 % (the buckets of `log_histogram`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from controller.statistics.log_histogram import LogBuckets
from simulator.report.exchanges import Exchanges
from simulator.report.requests import QUIET_S, Totals
from simulator.report.seconds import Seconds

BUCKETS_MS = LogBuckets(least=0.5, maximum=60_000.0, relative_error=0.02)
Counts = NDArray[np.int32]
Number = TypeVar("Number", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Windows:
    """``n`` windows of ``width_s``, ascending in ``start_s``; ``a`` arms in order of ``arms``.

    ``served``, ``clicked`` and ``expected`` count valid slates by the arm that served them:
    ``clicked`` those with a click, ``expected`` the sum of their true chances of one (None where
    nobody knows). ``latencies`` counts what was sent, in `BUCKETS_MS`. ``bad_spans`` are first and
    last ends of bad requests that follow each other within `QUIET_S`.
    """

    width_s: float
    start_s: NDArray[np.float64]
    arms: tuple[str, ...]
    requests: Counts
    not_sent: Counts
    valid: Counts
    served: Counts
    """(n, a)"""
    clicked: Counts
    """(n, a)"""
    expected: NDArray[np.float64] | None
    """(n, a)"""
    latencies: Counts
    """(n, buckets)"""
    bad_spans: NDArray[np.float64]
    """(spans, 2)"""
    problem_counts: Mapping[str, int]
    seconds: Seconds
    """Of the same requests; ``served`` in order of ``arms``."""

    @classmethod
    def of(cls, exchanges: Exchanges, width_s: float, origin_s: float) -> Windows:
        """Windows begin at ``origin_s`` plus multiples of the width; from first to last."""
        at = np.floor((exchanges.intended_at_s - origin_s) / width_s).astype(np.int64)
        first = int(at[0]) if len(at) else 0
        size = int(at[-1]) - first + 1 if len(at) else 0
        row, valid, arms = at - first, exchanges.valid, exchanges.served_by.names
        cell = row[valid] * len(arms) + exchanges.served_by.codes[valid]
        cells, shape = size * len(arms), (size, len(arms))
        clicked = exchanges.clicks[valid] > 0
        worth: NDArray[np.float64] | None = None
        if exchanges.true_chance is not None:
            worth = np.zeros(cells)
            np.add.at(worth, cell, exchanges.true_chance[valid])
        known = ~np.isnan(exchanges.latency_ms)
        buckets = BUCKETS_MS.index(exchanges.latency_ms[known])
        return cls(
            width_s=width_s,
            start_s=origin_s + np.arange(first, first + size, dtype=np.float64) * width_s,
            arms=arms,
            requests=_counts(row, size),
            not_sent=_counts(row[~exchanges.sent], size),
            valid=_counts(row[valid], size),
            served=_counts(cell, cells).reshape(shape),
            clicked=_counts(cell[clicked], cells).reshape(shape),
            expected=None if worth is None else worth.reshape(shape),
            latencies=_counts(
                row[known] * BUCKETS_MS.size + buckets, size * BUCKETS_MS.size
            ).reshape(size, BUCKETS_MS.size),
            bad_spans=spans_of(np.sort(exchanges.bad_ends_s())),
            problem_counts=exchanges.problems(),
            seconds=Seconds.of(exchanges, origin_s),
        )

    @classmethod
    def joined(cls, parts: Sequence[Windows]) -> Windows:
        """One after another in time; equal widths, no window in two parts."""
        if len(parts) == 1:
            return parts[0]
        arms = tuple(dict.fromkeys(arm for part in parts for arm in part.arms))
        known = [part.expected for part in parts if part.expected is not None]
        problems: dict[str, int] = {}
        for part in parts:
            for name, count in part.problem_counts.items():
                problems[name] = problems.get(name, 0) + count
        return cls(
            width_s=parts[0].width_s,
            start_s=np.concatenate([part.start_s for part in parts]),
            arms=arms,
            requests=np.concatenate([part.requests for part in parts]),
            not_sent=np.concatenate([part.not_sent for part in parts]),
            valid=np.concatenate([part.valid for part in parts]),
            served=np.concatenate([_spread(p.served, p.arms, arms) for p in parts]),
            clicked=np.concatenate([_spread(p.clicked, p.arms, arms) for p in parts]),
            expected=np.concatenate(
                [_spread(e, p.arms, arms) for e, p in zip(known, parts, strict=True)]
            )
            if len(known) == len(parts)
            else None,
            latencies=np.concatenate([part.latencies for part in parts]),
            bad_spans=_met([part.bad_spans for part in parts]),
            problem_counts=problems,
            seconds=Seconds.joined(
                [part.seconds for part in parts],
                [_spread(part.seconds.served, part.arms, arms) for part in parts],
            ),
        )

    def coarser(self, factor: int) -> Windows:
        """Windows ``factor`` times as wide, counted from the first; the last may be shorter."""
        if factor <= 1 or not len(self.start_s):
            return self
        width_s = self.width_s * factor
        place = np.floor((self.start_s - self.start_s[0]) / width_s + 1e-9)
        cuts = np.flatnonzero(np.diff(place, prepend=-1.0))
        return Windows(
            width_s=width_s,
            start_s=self.start_s[0] + place[cuts] * width_s,
            arms=self.arms,
            requests=np.add.reduceat(self.requests, cuts),
            not_sent=np.add.reduceat(self.not_sent, cuts),
            valid=np.add.reduceat(self.valid, cuts),
            served=np.add.reduceat(self.served, cuts),
            clicked=np.add.reduceat(self.clicked, cuts),
            expected=None if self.expected is None else np.add.reduceat(self.expected, cuts),
            latencies=np.add.reduceat(self.latencies, cuts),
            bad_spans=self.bad_spans,
            problem_counts=self.problem_counts,
            seconds=self.seconds,
        )

    def __len__(self) -> int:
        return int(self.requests.sum())

    def p95_ms(self) -> NDArray[np.float64]:
        """(n,) of each window; NaN where nothing was sent."""
        upto = np.cumsum(self.latencies, axis=1, dtype=np.int64)
        total = upto[:, -1] if len(upto) else np.zeros(0, dtype=np.int64)
        rank = np.maximum(1, np.ceil(0.95 * total - 1e-9))
        bucket = np.argmax(upto >= rank[:, None], axis=1)
        shown = np.array([BUCKETS_MS.value_at(b) for b in range(BUCKETS_MS.size)])
        return np.where(total > 0, shown[bucket], np.nan)

    def totals(self, from_s: float, to_s: float) -> Totals:
        """Counts are of the seconds that begin in the span, `_latencies_between` of its windows."""
        part = self.seconds.between(from_s, to_s)
        served = part.served.sum(axis=0)
        worth = part.expected
        return Totals(
            requests=int(part.requests.sum()),
            not_sent=int(part.not_sent.sum()),
            valid=int(part.valid.sum()),
            clicked=int(part.clicked.sum()),
            served_by={arm: int(n) for arm, n in zip(self.arms, served, strict=True) if n},
            p95_ms=BUCKETS_MS.quantile(self._latencies_between(from_s, to_s), 0.95),
            expected_clicked=None if worth is None else float(worth.sum(dtype=np.float64)),
        )

    def _latencies_between(self, from_s: float, to_s: float) -> NDArray[np.int64]:
        """(buckets,) of the windows inside the span; of those that overlap it where none is.

        A window that a fault begins or ends in would give a calm phase the fault's latencies.
        """
        end_s = self.start_s + self.width_s
        rows = (self.start_s >= from_s) & (end_s <= to_s)
        if not rows.any():
            rows = (self.start_s < to_s) & (end_s > from_s)
        return np.asarray(self.latencies[rows].sum(axis=0, dtype=np.int64))

    def problems(self) -> dict[str, int]:
        return dict(sorted(self.problem_counts.items(), key=lambda item: -item[1]))

    def bad_gone_at_s(self, from_s: float) -> float | None:
        later = self.bad_spans[self.bad_spans[:, 1] >= from_s]
        return float(later[0, 1]) if len(later) else None


def spans_of(ends_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """(spans, 2): first and last of ascending times that follow each other within `QUIET_S`."""
    if not len(ends_s):
        return np.zeros((0, 2))
    gap = np.flatnonzero(np.diff(ends_s) > QUIET_S)
    starts = np.concatenate([[0], gap + 1])
    lasts = np.concatenate([gap, [len(ends_s) - 1]])
    return np.stack([ends_s[starts], ends_s[lasts]], axis=1)


def _met(parts: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Spans of all parts, in order, those that touch made one."""
    met: list[list[float]] = []
    for first, last in np.concatenate(parts).tolist():
        if met and first - met[-1][1] <= QUIET_S:
            met[-1][1] = max(met[-1][1], last)
        else:
            met.append([first, last])
    return np.array(met, dtype=np.float64).reshape(-1, 2)


def _counts(cells: NDArray[np.integer], size: int) -> Counts:
    return np.bincount(cells, minlength=size).astype(np.int32)


def _spread(table: NDArray[Number], own: tuple[str, ...], arms: tuple[str, ...]) -> NDArray[Number]:
    """The same columns under other arms, which must hold all of ours."""
    wide: NDArray[Number] = np.zeros((len(table), len(arms)), dtype=table.dtype)
    wide[:, [arms.index(arm) for arm in own]] = table
    return wide
