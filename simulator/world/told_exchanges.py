"""Exchanges given out and not yet asked for, kept as spans of the tables they lie in."""

from __future__ import annotations

from simulator.report.exchanges import Exchanges


class ToldExchanges:
    """Seconds of one table follow each other, so a minute of them is cut out in one go."""

    def __init__(self) -> None:
        self._spans: list[tuple[Exchanges, int, int]] = []

    def add(self, table: Exchanges, start: int, end: int) -> None:
        """Rows ``start`` until before ``end`` of a table that never changes."""
        if start == end:
            return
        if self._spans:
            last, first, after = self._spans[-1]
            if last is table and after == start:
                self._spans[-1] = (table, first, end)
                return
        self._spans.append((table, start, end))

    def take(self) -> Exchanges:
        """All since the last time."""
        spans, self._spans = self._spans, []
        return Exchanges.joined([table.rows(start, end) for table, start, end in spans])
