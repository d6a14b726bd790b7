"""What was shown, joined with what was clicked, exactly once per request. Pure; no clock.

A request is **pending** until its outcome window W has passed by the watermark (and a little
grace for the road); then all its items leave as rows, clicked or not, and never change. Rows of
clicks do not leave earlier: the newest W seconds would otherwise hold clicks only. Since pending
clicks are sets of positions, duplicates and order change nothing. What arrives for a request that
is closed is counted and dropped.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from models.interactions import SCHEMA

GRACE_S = 5.0
MOST_ORPHANS = 100_000
"""Outcomes waiting for a request not yet seen; those beyond are counted and dropped."""


@dataclass(frozen=True, slots=True)
class Click:
    """A click not seen before, for the features."""

    user_id: int
    item_id: str
    at_s: float


@dataclass(slots=True)
class Pending:
    """One request shown to a user. ``clicked`` holds positions, as ``positions`` does."""

    at_s: float
    user_id: int
    arm: str
    item_ids: list[str]
    positions: list[int]
    clicked: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Orphan:
    """An outcome whose request has not been seen yet."""

    served_at_s: float
    at_s: float
    positions: tuple[int, ...]


class Joiner:
    """``window_s`` is W. Counts: served, served_again, served_late, outcome, outcome_late,
    outcome_orphan, joined, rows."""

    def __init__(self, window_s: float, grace_s: float = GRACE_S) -> None:
        self._window_s = window_s
        self._wait_s = window_s + grace_s
        self.pending: dict[bytes, Pending] = {}
        self.orphans: dict[bytes, list[Orphan]] = {}
        self.counts: Counter[str] = Counter()
        self.closed_to_s = float("-inf")
        """Requests drawn up to here are closed for good."""
        self._by_time: list[tuple[float, bytes]] = []

    def add_served(self, batch: pa.RecordBatch) -> list[Click]:
        """Requests of users (no probes, shadows or bots) with a slate."""
        clicks: list[Click] = []
        for row in _of_users(batch).to_pylist():
            request_id, at_s = row["request_id"], row["at_s"]
            if at_s <= self.closed_to_s:
                self.counts["served_late"] += 1
            elif request_id in self.pending:
                self.counts["served_again"] += 1
            else:
                self.counts["served"] += 1
                self.add_pending(request_id, _pending(row))
                for orphan in self.orphans.pop(request_id, ()):
                    clicks += self._apply(request_id, orphan)
        return clicks

    def add_outcomes(self, batch: pa.RecordBatch) -> list[Click]:
        """Clicks by position; kinds without clicked positions say nothing to us."""
        clicks: list[Click] = []
        columns = ["request_id", "at_s", "served_at_s", "clicked_positions"]
        for row in pa.Table.from_batches([batch]).select(columns).to_pylist():
            if not row["clicked_positions"] or row["request_id"] is None or row["at_s"] is None:
                continue
            self.counts["outcome"] += 1
            served_at_s = row["at_s"] if row["served_at_s"] is None else row["served_at_s"]
            orphan = Orphan(served_at_s, row["at_s"], tuple(row["clicked_positions"]))
            if row["request_id"] in self.pending:
                clicks += self._apply(row["request_id"], orphan)
            elif orphan.at_s > served_at_s + self._window_s or served_at_s <= self.closed_to_s:
                self.counts["outcome_late"] += 1
            else:
                self._adopt(row["request_id"], orphan)
        return clicks

    def mature(self, watermark_s: float) -> pa.Table:
        """Close every request whose time is over; its rows, in no particular order."""
        self.closed_to_s = max(self.closed_to_s, watermark_s - self._wait_s)
        columns: dict[str, list[object]] = {name: [] for name in SCHEMA.names}
        while self._by_time and self._by_time[0][0] <= self.closed_to_s:
            _, request_id = heapq.heappop(self._by_time)
            self.counts["joined"] += 1
            _append(columns, request_id, self.pending.pop(request_id))
        for request_id, orphans in list(self.orphans.items()):
            if max(orphan.served_at_s for orphan in orphans) <= self.closed_to_s:
                self.counts["outcome_orphan"] += len(self.orphans.pop(request_id))
        self.counts["rows"] += len(columns["at_s"])
        return pa.table(columns, schema=SCHEMA)

    def add_pending(self, request_id: bytes, pending: Pending) -> None:
        """Also for restoring a snapshot."""
        self.pending[request_id] = pending
        heapq.heappush(self._by_time, (pending.at_s, request_id))

    def _apply(self, request_id: bytes, outcome: Orphan) -> list[Click]:
        request = self.pending[request_id]
        if outcome.at_s > request.at_s + self._window_s:
            self.counts["outcome_late"] += 1
            return []
        items = dict(zip(request.positions, request.item_ids, strict=True))
        new = [at for at in outcome.positions if at in items and at not in request.clicked]
        request.clicked.update(new)
        return [Click(request.user_id, items[position], outcome.at_s) for position in new]

    def _adopt(self, request_id: bytes, orphan: Orphan) -> None:
        known = self.orphans.get(request_id, [])
        if orphan in known:
            return
        if len(self.orphans) >= MOST_ORPHANS:
            self.counts["outcome_orphan"] += 1
            return
        self.orphans[request_id] = [*known, orphan]


def _of_users(batch: pa.RecordBatch) -> pa.Table:
    """Only rows of users with a slate, only the columns of the join."""
    columns = ["request_id", "at_s", "role", "bot", "user_id", "arm", "served_by", "slate"]
    table = pa.Table.from_batches([batch]).select(columns)
    is_user = pc.equal(pc.cast(table["role"], pa.string()), "user")
    is_bot = pc.fill_null(table["bot"], False)
    keep = pc.and_(pc.fill_null(is_user, False), pc.invert(is_bot))
    for name in ("request_id", "at_s", "user_id", "slate"):
        keep = pc.and_(keep, pc.is_valid(table[name]))
    return table.filter(keep)


def _pending(row: dict[str, object]) -> Pending:
    slate = [shown for shown in _slate(row) if shown["item_id"] is not None]
    return Pending(
        at_s=float(row["at_s"]),  # type: ignore[arg-type]
        user_id=int(row["user_id"]),  # type: ignore[call-overload]
        arm=str(row["served_by"] or row["arm"] or ""),
        item_ids=[str(shown["item_id"]) for shown in slate],
        positions=[
            place if shown["position"] is None else int(shown["position"])  # type: ignore[call-overload]
            for place, shown in enumerate(slate)
        ],
    )


def _slate(row: dict[str, object]) -> Iterable[dict[str, object]]:
    slate = row["slate"]
    return slate if isinstance(slate, list) else ()


def _append(columns: dict[str, list[object]], request_id: bytes, request: Pending) -> None:
    count = len(request.item_ids)
    columns["request_id"] += [request_id] * count
    columns["at_s"] += [request.at_s] * count
    columns["user_id"] += [request.user_id] * count
    columns["item_id"] += request.item_ids
    columns["position"] += request.positions
    columns["clicked"] += [position in request.clicked for position in request.positions]
    columns["arm"] += [request.arm] * count
    columns["source"] += ["served"] * count
