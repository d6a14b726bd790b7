"""Rows in memory whose parts are handed out one after another without copying.

What is made of a slab's columns is made once for all its parts. Knows nothing of what rows mean.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import pyarrow as pa

from controller.telemetry.conform import is_conform

T = TypeVar("T")


class Slab:
    """One batch, of which a writer gives away part after part.

    >>> slab = Slab(pa.record_batch({"at_s": [1.0, 2.0, 3.0]}))
    >>> slab.part(1, 2).batch.column("at_s").to_pylist()
    [2.0, 3.0]
    """

    def __init__(self, batch: pa.RecordBatch) -> None:
        self.batch = batch
        self.made: dict[Hashable, Any] = {}
        """What was made of its columns, by key."""

    def part(self, start: int, count: int) -> SlabPart:
        """Rows ``start`` to ``start + count``. Raise ValueError beyond the slab."""
        if not 0 <= start <= start + count <= self.batch.num_rows:
            raise ValueError(f"rows {start} to {start + count} of {self.batch.num_rows}")
        return SlabPart(self, start, count)

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What ``make`` gives, made at the first call with this key."""
        try:
            found: T = self.made[key]
        except KeyError:
            found = self.made[key] = make()
        return found

    def is_of(self, topic: str) -> bool:
        """Whether it has exactly the columns of a topic."""
        return self.once(("is of", topic), lambda: is_conform(topic, self.batch.schema))


class SlabPart:
    """Some neighbouring rows of a slab."""

    __slots__ = ("_batch", "is_whole", "num_rows", "slab", "start")

    def __init__(self, slab: Slab, start: int, count: int) -> None:
        self.slab = slab
        self.start = start
        self.num_rows = count
        self.is_whole = count == int(slab.batch.num_rows)
        """Whether nobody else has rows of the same slab."""
        self._batch: pa.RecordBatch | None = None

    def is_followed_by(self, other: SlabPart) -> bool:
        """Whether the other one begins where this one ends."""
        return other.slab is self.slab and other.start == self.start + self.num_rows

    @property
    def batch(self) -> pa.RecordBatch:
        """The rows as a batch of their own, sliced when first asked for."""
        if self._batch is None:
            self._batch = self.slab.batch.slice(self.start, self.num_rows)
        return self._batch


def as_part(rows: pa.RecordBatch | SlabPart) -> SlabPart:
    """A batch as the one part of a slab of its own."""
    return rows if isinstance(rows, SlabPart) else Slab(rows).part(0, rows.num_rows)
