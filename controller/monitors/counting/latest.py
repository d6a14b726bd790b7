"""A tally of the newest report of each replica: gauges have no counts to add up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from controller.monitors.counting.batch_view import BatchView, Some
from controller.monitors.counting.nesting import text_array
from controller.monitors.counting.slots import safe_label
from controller.monitors.monitor import Arrays

REMEMBERED_S = 60.0
"""A replica not heard for this long is forgotten, not missed."""
MOST_REPLICAS = 4_096


class Report(NamedTuple):
    """Ordered, so that of two reports at one time the same one wins in any order."""

    at_s: float
    values: tuple[float, ...]
    group: str


class LatestTally:
    """``columns`` are the numbers kept; a missing one is NaN. Subclasses choose rows."""

    columns: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        self._latest: dict[str, Report] = {}

    def reports(self) -> Iterator[Report]:
        """The newest of each replica."""
        return iter(self._latest.values())

    def items(self) -> Iterator[tuple[str, Report]]:
        """The newest of each replica, with its id."""
        return iter(self._latest.items())

    def take(self, rows: BatchView, kind: str, group: str) -> None:
        """Keep the newest of the rows of this kind, grouped by a text column."""

        def make(whole: BatchView) -> Some[tuple[str, Report]]:
            return _reports(whole, kind, group, self.columns)

        for replica_id, report in rows.some(("latest", kind, group, self.columns), make):
            self._keep(replica_id, report)

    def _keep(self, replica_id: str, report: Report) -> None:
        held = self._latest.get(replica_id)
        if held is None:
            if len(self._latest) < MOST_REPLICAS:
                self._latest[replica_id] = report
        elif report.at_s > held.at_s or _order(report) > _order(held):
            self._latest[replica_id] = report

    def merge(self, other: LatestTally) -> None:
        for replica_id, report in other.items():
            self._keep(replica_id, report)

    def forget(self, before_s: float, after_s: float) -> None:  # noqa: ARG002
        times = [report.at_s for report in self._latest.values()]
        newest = max(times, default=0.0)
        oldest = min(newest, after_s) - REMEMBERED_S
        if times and (newest > after_s or min(times) < oldest):
            self._latest = {k: r for k, r in self._latest.items() if oldest <= r.at_s <= after_s}

    def snapshot(self) -> Arrays:
        reports = list(self._latest.values())
        values = [[r.at_s, *r.values] for r in reports]
        return {
            "ids": text_array(list(self._latest)),
            "groups": text_array([r.group for r in reports]),
            "values": np.array(values, dtype=np.float64).reshape(-1, 1 + len(self.columns)),
        }

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        values = arrays["values"]
        if values.ndim != 2 or values.shape[1] != 1 + len(self.columns):
            raise ValueError("reports are not in a shape this program writes")
        self._latest = {
            replica_id: Report(at_s, tuple(numbers), group)
            for replica_id, group, (at_s, *numbers) in zip(
                arrays["ids"].tolist(), arrays["groups"].tolist(), values.tolist(), strict=True
            )
        }


def _reports(
    rows: BatchView, kind: str, group: str, columns: tuple[str, ...]
) -> Some[tuple[str, Report]]:
    """Who reports what, of the rows of this kind that are somebody's."""
    replica, groups = rows.labels("replica_id"), rows.labels(group)
    kept = (rows.labels("kind").equal(kind) & (replica.codes >= 0)).nonzero()[0]
    times = rows.numbers("at_s")[kept].tolist()
    values = zip(*(rows.numbers(name)[kept].tolist() for name in columns), strict=True)
    # Code -1 picks the last name.
    labels = [*map(safe_label, groups.names), safe_label("")]
    names = [labels[code] for code in groups.codes[kept].tolist()]
    ids = [replica.names[code] for code in replica.codes[kept].tolist()]
    return Some(kept, list(zip(ids, map(Report, times, values, names), strict=True)))


def _order(report: Report) -> tuple[Any, ...]:
    """A total order, in which NaN is smaller than any number."""
    return report.at_s, tuple((v == v, 0.0 if v != v else v) for v in report.values), report.group
