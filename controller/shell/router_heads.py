"""What live routers say they hold: the newest plan head, by which a lost store is noticed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from controller.telemetry.slab import SlabPart, as_part

LIVE_S = 5.0
"""A router that has not reported for this long is not live."""
ROUTERS_MAX = 10_000
COLUMNS = ("kind", "replica_id", "at_s", "plan_epoch", "plan_revision", "plan_head")


@dataclass(frozen=True, slots=True, order=True)
class PlanHead:
    """Which plan; ordered by epoch, then revision."""

    epoch: int
    revision: int
    head: str


class RouterHeads:
    """Follows `replica` telemetry; memory is bounded by forgetting routers that are not live."""

    def __init__(self) -> None:
        self._reports: dict[str, tuple[float, PlanHead | None]] = {}

    def update(self, rows: pa.RecordBatch | SlabPart) -> None:
        """Take a batch of `replica` rows."""
        part = as_part(rows)
        slab = part.slab
        every = slab.once("router heads", lambda: slab.batch.select(list(COLUMNS)).to_pylist())
        for row in every[part.start : part.start + part.num_rows]:
            if row["kind"] == "router" and row["replica_id"] and row["at_s"]:
                self._note(row)

    def newest(self, at_s: float) -> PlanHead | None:
        """The newest plan any live router holds; None when none holds one (or none lives)."""
        self._forget(at_s)
        return max((held for _, held in self._reports.values() if held), default=None)

    def live(self, at_s: float) -> int:
        """How many routers reported lately."""
        self._forget(at_s)
        return len(self._reports)

    def _note(self, row: Mapping[str, Any]) -> None:
        known = self._reports.get(row["replica_id"])
        if known is not None and known[0] > row["at_s"]:
            return
        held = None
        if row["plan_epoch"] and row["plan_head"]:
            held = PlanHead(row["plan_epoch"], row["plan_revision"] or 0, row["plan_head"])
        if known is not None or len(self._reports) < ROUTERS_MAX:
            self._reports[row["replica_id"]] = (row["at_s"], held)

    def _forget(self, at_s: float) -> None:
        for name in [n for n, (last_s, _) in self._reports.items() if at_s - last_s > LIVE_S]:
            del self._reports[name]
