"""A long run's requests as plain counts per second, so that a phase may begin at any of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.report.exchanges import Exchanges

Counts = NDArray[np.unsignedinteger]
"""Of the smallest type that holds them: about 20 bytes a second, 12 MB a week."""


@dataclass(frozen=True, slots=True)
class Seconds:
    """``n`` seconds, ascending in ``at``; ``a`` arms in the order of whoever holds them.

    ``at`` counts from ``origin_s``. ``served``, ``clicked`` and ``expected`` are of valid slates:
    by the arm that served them, those with a click, the sum of their true chances of one (None
    where nobody knows).
    """

    origin_s: float
    at: NDArray[np.int32]
    requests: Counts
    not_sent: Counts
    valid: Counts
    served: Counts
    """(n, a)"""
    clicked: Counts
    expected: NDArray[np.float32] | None

    @classmethod
    def of(cls, exchanges: Exchanges, origin_s: float) -> Seconds:
        """Whole seconds since ``origin_s``, from the first exchange's to the last one's."""
        at = np.floor(exchanges.intended_at_s - origin_s).astype(np.int64)
        first = int(at[0]) if len(at) else 0
        size = int(at[-1]) - first + 1 if len(at) else 0
        row, valid, arms = at - first, exchanges.valid, len(exchanges.served_by.names)
        cell = row[valid] * arms + exchanges.served_by.codes[valid]
        chance = exchanges.true_chance
        expected: NDArray[np.float32] | None = None
        if chance is not None:
            worth = np.bincount(row[valid], weights=chance[valid], minlength=size)
            expected = worth.astype(np.float32)
        return cls(
            origin_s=origin_s,
            at=np.arange(first, first + size, dtype=np.int32),
            requests=_counts(row, size),
            not_sent=_counts(row[~exchanges.sent], size),
            valid=_counts(row[valid], size),
            served=_counts(cell, size * arms).reshape(size, arms),
            clicked=_counts(row[valid & (exchanges.clicks > 0)], size),
            expected=expected,
        )

    @classmethod
    def joined(cls, parts: Sequence[Seconds], served: Sequence[Counts]) -> Seconds:
        """One after another in time; ``served`` of each part, under the arms of all."""
        known = [part.expected for part in parts if part.expected is not None]
        return cls(
            origin_s=parts[0].origin_s,
            at=np.concatenate([part.at for part in parts]),
            requests=np.concatenate([part.requests for part in parts]),
            not_sent=np.concatenate([part.not_sent for part in parts]),
            valid=np.concatenate([part.valid for part in parts]),
            served=np.concatenate(served),
            clicked=np.concatenate([part.clicked for part in parts]),
            expected=np.concatenate(known) if len(known) == len(parts) else None,
        )

    def between(self, from_s: float, to_s: float) -> Seconds:
        """Those that begin from ``from_s`` until before ``to_s``, without copying."""
        ends = np.array([from_s, to_s]) - self.origin_s
        part = slice(*np.searchsorted(self.at, ends).tolist())
        return Seconds(
            origin_s=self.origin_s,
            at=self.at[part],
            requests=self.requests[part],
            not_sent=self.not_sent[part],
            valid=self.valid[part],
            served=self.served[part],
            clicked=self.clicked[part],
            expected=None if self.expected is None else self.expected[part],
        )


def _counts(cells: NDArray[np.integer], size: int) -> Counts:
    counts = np.bincount(cells, minlength=size)
    return counts.astype(np.min_scalar_type(int(counts.max(initial=0))))
