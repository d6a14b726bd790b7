"""Rows waiting to be counted together: what counting a batch costs is mostly not its rows."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from controller.monitors.counting.batch_view import BatchView
from controller.telemetry.slab import SlabPart, as_part

Place = tuple[str, int]
"""Topic and partition."""


class Gathering:
    """Order is kept among the rows of a place.

    Neighbouring parts of a slab become one part; whole batches of the same columns become one.
    It is full from ``most_rows`` on.
    """

    def __init__(self, most_rows: int) -> None:
        self._most_rows = most_rows
        self._parts: dict[Place, list[SlabPart]] = {}
        self._rows = 0

    @property
    def is_full(self) -> bool:
        return self._rows >= self._most_rows

    def add(self, view: BatchView) -> None:
        """Keep the rows of a view until `take`."""
        self._parts.setdefault((view.topic, view.partition), []).append(view.part)
        self._rows += view.row_count

    def take(self) -> Iterator[BatchView]:
        """Everything there is, in as few views as can be; nothing is left."""
        waiting, self._parts, self._rows = self._parts, {}, 0
        for (topic, partition), parts in waiting.items():
            for part in _joined(parts):
                yield BatchView(topic, partition, part)


def _joined(parts: list[SlabPart]) -> list[SlabPart]:
    if len(parts) == 1:
        return parts
    found: list[SlabPart] = []
    whole: dict[tuple[str, ...], list[pa.RecordBatch]] = {}
    for part in parts:
        if part.is_whole:
            whole.setdefault(tuple(part.batch.schema.names), []).append(part.batch)
        elif found and found[-1].is_followed_by(part):
            found[-1] = found[-1].slab.part(found[-1].start, found[-1].num_rows + part.num_rows)
        else:
            found.append(part)
    return [*found, *(as_part(pa.concat_batches(batches)) for batches in whole.values())]
