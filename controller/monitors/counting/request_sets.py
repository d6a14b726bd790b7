"""Which requests something happened to, by series and second: a set counts a thing once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.monitors.counting.nesting import text_array

MOST_REQUESTS = 2_000_000
"""Ids kept at most (about 200 MB); beyond it new ones are not taken, so rates read too low."""
ID_BYTES = 16

Key = tuple[str, bytes]
Ids = set[bytes]


class RequestSets:
    """A union of sets, so it is exact in any order and however often an event arrives."""

    def __init__(self) -> None:
        self._ids: dict[str, dict[int, set[bytes]]] = {}
        self._least = self._most = 0
        """Seconds there are lie within; there need not be one at either end."""
        self._count = 0

    def add(self, keys: Sequence[Key], seconds: Sequence[int]) -> list[tuple[Key, int]]:
        """One (series, request id) per second given; those that were not there before."""
        fresh: list[tuple[Key, int]] = []
        for key, second in zip(keys, seconds, strict=True):
            if self._count >= MOST_REQUESTS:
                break
            name, request_id = key
            ids = self._ids_at(name, second)
            if request_id not in ids:
                ids.add(request_id)
                self._count += 1
                fresh.append((key, second))
        return fresh

    def _ids_at(self, name: str, second: int) -> Ids:
        seconds = self._ids.setdefault(name, {})
        ids = seconds.get(second)
        if ids is None:
            if not self._count:
                self._least = self._most = second
            self._least, self._most = min(self._least, second), max(self._most, second)
            ids = seconds[second] = set()
        return ids

    def has(self, key: Key, second: int) -> bool:
        """Whether this request is there, at that second."""
        name, request_id = key
        return request_id in self._ids.get(name, {}).get(second, ())

    def entries(self) -> Iterator[tuple[Key, int]]:
        """Everything, as it was added."""
        for name, seconds in self._ids.items():
            for second, ids in seconds.items():
                for request_id in ids:
                    yield (name, request_id), second

    def merge(self, other: RequestSets) -> list[tuple[Key, int]]:
        """Add another's; those that were not there before."""
        fresh: list[tuple[Key, int]] = []
        for name, seconds in other._ids.items():
            for second, ids in seconds.items():
                keys = [(name, request_id) for request_id in ids]
                fresh += self.add(keys, [second] * len(ids))
        return fresh

    def forget(self, before_s: float, after_s: float) -> None:
        """Drop seconds before ``before_s`` or after ``after_s``. A tick drops one or none."""
        first, last = math.floor(before_s), math.floor(after_s)
        if self._least >= first and self._most <= last:
            return
        for seconds in self._ids.values():
            if self._most > last or first - self._least > len(seconds):
                gone = [second for second in seconds if not first <= second <= last]
            else:
                gone = [second for second in range(self._least, first) if second in seconds]
            self._count -= sum(len(seconds.pop(second)) for second in gone)
        self._least, self._most = max(self._least, first), min(self._most, last)

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """Series and second of each id, ids as rows of bytes."""
        entries = [
            (place, second, request_id)
            for place, seconds in enumerate(self._ids.values())
            for second, ids in seconds.items()
            for request_id in sorted(ids)
        ]
        raw = b"".join(request_id for _, _, request_id in entries)
        at = np.array([(place, second) for place, second, _ in entries], dtype=np.int64)
        return {
            "names": text_array(list(self._ids)),
            "at": at.reshape(-1, 2),
            "ids": np.frombuffer(raw, dtype=np.uint8).reshape(-1, ID_BYTES),
        }

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Become what was snapshotted. Raise KeyError or ValueError on anything else."""
        names, at, ids = arrays["names"].tolist(), arrays["at"].tolist(), arrays["ids"]
        if ids.dtype != np.uint8 or ids.shape != (len(at), ID_BYTES):
            raise ValueError("request ids are not in a shape this program writes")
        self._ids, self._count = {}, 0
        keys = [(names[place], row.tobytes()) for (place, _), row in zip(at, ids, strict=True)]
        self.add(keys, [second for _, second in at])
