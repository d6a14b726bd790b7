"""Takes exchanges while a run goes on, and keeps each, or only counts when there are too many."""

from __future__ import annotations

from simulator.report.exchanges import Exchanges
from simulator.report.requests import Requests
from simulator.report.windows import Windows

KEEP_ROWS = 200_000
"""So many are kept one by one (an hour at 55/s): enough for every scenario but the long ones."""
FOLD_ROWS = 50_000
WINDOW_S = 60.0


class ExchangeRecorder:
    """Memory: `KEEP_ROWS` exchanges, then about two kilobytes for each simulated minute."""

    def __init__(self, started_at_s: float) -> None:
        self._started_at_s = started_at_s
        self._recent: list[Exchanges] = []
        self._rows = 0
        self._limit = KEEP_ROWS
        self._folded: list[Windows] = []

    def add(self, exchanges: Exchanges) -> None:
        """Later ones than all before."""
        if not len(exchanges):
            return
        self._recent.append(exchanges)
        self._rows += len(exchanges)
        if self._rows > self._limit:
            self._limit = FOLD_ROWS
            self._fold()

    def requests(self) -> Requests:
        """All of them: exact, or per second and minute once there were more than `KEEP_ROWS`."""
        rest = Exchanges.joined(self._recent)
        if not self._folded:
            return rest
        parts = [*self._folded, self._windows(rest)] if len(rest) else self._folded
        return Windows.joined(parts)

    def _fold(self) -> None:
        """All whole windows; the one under way stays."""
        known = Exchanges.joined(self._recent)
        offset_s = float(known.intended_at_s[-1]) - self._started_at_s
        border_s = self._started_at_s + WINDOW_S * (offset_s // WINDOW_S)
        whole = known.between(-float("inf"), border_s)
        rest = known.rows(len(whole), len(known))
        if len(whole):
            self._folded.append(self._windows(whole))
        self._recent = [rest] if len(rest) else []
        self._rows = len(rest)

    def _windows(self, exchanges: Exchanges) -> Windows:
        return Windows.of(exchanges, WINDOW_S, self._started_at_s)
