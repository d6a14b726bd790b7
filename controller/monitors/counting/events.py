"""What happened in the rows of a batch, ready to be counted: series, second and cell of each."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from controller.monitors.counting.placing import Placing

Numbers = NDArray[np.int64]
ONE_SERIES = ("",)
"""The names of what has no label."""


class RowEvents(NamedTuple):
    """Events of a whole slab, ordered by ``rows``, the row of each.

    Event i is of series ``names[codes[i]]``, at ``seconds[i]``, in cell ``cells[i]``.
    """

    names: tuple[str, ...]
    rows: Numbers
    codes: Numbers
    seconds: Numbers
    cells: Numbers
    row_count: int
    """Of the slab."""
    starts: list[Numbers]
    """Once a part was asked for: the events of rows a to before b are ``[a]`` to before ``[b]``."""
    placings: dict[object, Placing | None]
    """Where the events lie in the tables of whoever counts them, kept as long as the slab is."""

    @classmethod
    def of(
        cls,
        rows: int,
        names: tuple[str, ...],
        kept: NDArray[np.bool_],
        at: Numbers | None,
        codes: Numbers | int,
        seconds: Numbers,
        cells: Numbers,
    ) -> RowEvents:
        """The ``kept`` ones of arrays of one length, of a slab of so many ``rows``.

        ``at`` is the row of each element; without it there is one per row.
        """
        chosen = kept.nonzero()[0]
        if isinstance(codes, int):
            codes = np.full(kept.size, codes) if codes else np.zeros(kept.size, np.int64)
        if chosen.size == kept.size:
            return cls(names, chosen if at is None else at, codes, seconds, cells, rows, [], {})
        mine = chosen if at is None else at.take(chosen)
        codes, seconds, cells = codes.take(chosen), seconds.take(chosen), cells.take(chosen)
        return cls(names, mine, codes, seconds, cells, rows, [], {})

    def within(self, first: int, after: int, bounds: tuple[int, int] | None) -> Events:
        """Those of rows ``first`` to before ``after``."""
        if after - first == self.row_count:
            return Events(self, 0, self.codes.size, bounds)
        if not self.starts:
            starts = np.zeros(self.row_count + 1, np.int64)
            np.bincount(self.rows, minlength=self.row_count).cumsum(out=starts[1:])
            self.starts.append(starts)
        starts = self.starts[0]
        return Events(self, starts.item(first), starts.item(after), bounds)


class Events(NamedTuple):
    """Events ``start`` to before ``end`` of a slab.

    ``bounds`` are seconds that none lies outside of, where known.
    """

    whole: RowEvents
    start: int
    end: int
    bounds: tuple[int, int] | None

    @classmethod
    def all_of(
        cls, names: tuple[str, ...], codes: Numbers, seconds: Numbers, cells: Numbers
    ) -> Events:
        """One event per element, as if each were a row."""
        every = np.ones(codes.size, dtype=np.bool_)
        whole = RowEvents.of(codes.size, names, every, None, codes, seconds, cells)
        return whole.within(0, codes.size, None)

    @property
    def is_part(self) -> bool:
        """Whether the slab has others, that may be asked for next."""
        return self.end - self.start < self.whole.codes.size

    @property
    def names(self) -> tuple[str, ...]:
        return self.whole.names

    @property
    def codes(self) -> Numbers:
        return self.whole.codes[self.start : self.end]

    @property
    def seconds(self) -> Numbers:
        return self.whole.seconds[self.start : self.end]

    @property
    def cells(self) -> Numbers:
        return self.whole.cells[self.start : self.end]

    def span_s(self) -> tuple[int, int]:
        """The bounds, or the first and last second. There must be an event."""
        return self.bounds or (int(self.seconds.min()), int(self.seconds.max()))
