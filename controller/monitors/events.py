"""What happened in the rows of a batch, ready to be counted: series, second and cell of each."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]
ONE_SERIES = ("",)
"""The names of what has no label."""


class Events(NamedTuple):
    """Event i is of series ``names[codes[i]]``, at ``seconds[i]``, in cell ``cells[i]``.

    ``bounds`` are seconds that none lies outside of, where known.
    """

    names: tuple[str, ...]
    codes: Numbers
    seconds: Numbers
    cells: Numbers
    bounds: tuple[int, int] | None = None


class RowEvents(NamedTuple):
    """Events of a whole slab, ordered by ``rows``, the row of each.

    Those of rows a to before b are ``places[a]`` to before ``places[b]``.
    """

    names: tuple[str, ...]
    rows: Numbers
    codes: Numbers
    seconds: Numbers
    cells: Numbers
    places: list[int]

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
        chosen = np.flatnonzero(kept)
        series = np.full(chosen.size, codes) if isinstance(codes, int) else codes[chosen]
        mine = chosen if at is None else at[chosen]
        places = mine.searchsorted(np.arange(rows + 1)).tolist()
        return cls(names, mine, series, seconds[chosen], cells[chosen], places)

    def within(self, first: int, after: int, bounds: tuple[int, int] | None) -> Events:
        """Those of rows ``first`` to before ``after``."""
        start, end = self.places[first], self.places[after]
        return Events(
            self.names,
            self.codes[start:end],
            self.seconds[start:end],
            self.cells[start:end],
            bounds,
        )
