"""Which batches have been seen: drops duplicates, counts gaps, in bounded memory.

Producers count their batches up from 0 per (producer, topic, partition). What is missing is kept
as ranges, so that a batch that arrives late is taken once and makes its gap smaller.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import dataclass, field

from controller.telemetry.batches import TelemetryBatch

MOST_PRODUCERS = 10_000
MOST_RANGES = 256
"""Missing ranges kept per producer. Older ones stay counted as gaps, but what then still arrives
of them is taken for a duplicate: losing a batch late is better than counting one twice."""

Key = tuple[str, str, int]


@dataclass(slots=True)
class _Seen:
    """``missing`` are half-open ranges below ``following``, ascending and disjoint. Those below
    ``first`` were never announced (we started reading later) and count as no gap."""

    first: int
    following: int
    missing: list[tuple[int, int]] = field(default_factory=list)
    given_up: int = 0

    def gaps(self) -> int:
        return self.given_up + sum(
            max(0, end - max(start, self.first)) for start, end in self.missing
        )


class Ledger:
    """The shell, the sink and tests each keep their own."""

    def __init__(self, most_producers: int = MOST_PRODUCERS) -> None:
        self._most_producers = most_producers
        self._seen: OrderedDict[Key, _Seen] = OrderedDict()
        self._settled: dict[str, int] = {}
        self._duplicates: dict[str, int] = {}

    def admit(self, batch: TelemetryBatch) -> bool:
        """True when this batch was not seen before."""
        key = (batch.producer_id, batch.topic, batch.partition)
        seen = self._seen.get(key)
        if seen is None:
            seen = self._seen[key] = _Seen(first=batch.producer_seq, following=batch.producer_seq)
            if batch.producer_seq:
                seen.missing.append((0, batch.producer_seq))
            self._forget_the_oldest()
        self._seen.move_to_end(key)
        if _take(seen, batch.producer_seq):
            return True
        self._duplicates[batch.topic] = self._duplicates.get(batch.topic, 0) + 1
        return False

    def gaps(self) -> dict[str, int]:
        """Batches known to be missing now, by topic."""
        totals = dict(self._settled)
        for (_, topic, _), seen in self._seen.items():
            totals[topic] = totals.get(topic, 0) + seen.gaps()
        return totals

    def duplicates(self) -> dict[str, int]:
        """Batches dropped because they were seen before, by topic."""
        return dict(self._duplicates)

    def _forget_the_oldest(self) -> None:
        while len(self._seen) > self._most_producers:
            (_, topic, _), seen = self._seen.popitem(last=False)
            self._settled[topic] = self._settled.get(topic, 0) + seen.gaps()

    def snapshot(self) -> bytes:
        """Everything, as JSON."""
        document = {
            "seen": [
                [*key, seen.first, seen.following, seen.missing, seen.given_up]
                for key, seen in self._seen.items()
            ],
            "settled": self._settled,
            "duplicates": self._duplicates,
        }
        return json.dumps(document, separators=(",", ":")).encode()

    def restore(self, data: bytes) -> None:
        """Become what was snapshotted. Raise ValueError when ``data`` is not a snapshot."""
        try:
            document = json.loads(data)
            seen: OrderedDict[Key, _Seen] = OrderedDict()
            for producer, topic, partition, first, following, missing, given_up in document["seen"]:
                ranges = [(int(start), int(end)) for start, end in missing]
                seen[(producer, topic, partition)] = _Seen(first, following, ranges, given_up)
            settled, duplicates = dict(document["settled"]), dict(document["duplicates"])
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"not a ledger snapshot: {error}") from error
        self._seen, self._settled, self._duplicates = seen, settled, duplicates


def _take(seen: _Seen, seq: int) -> bool:
    """Mark ``seq`` as seen; False when it already was."""
    if seq >= seen.following:
        if seq > seen.following:
            seen.missing.append((seen.following, seq))
        seen.following = seq + 1
        while len(seen.missing) > MOST_RANGES:
            start, end = seen.missing.pop(0)
            seen.given_up += max(0, end - max(start, seen.first))
        return True
    for place, (start, end) in enumerate(seen.missing):
        if start <= seq < end:
            left, right = (start, seq), (seq + 1, end)
            seen.missing[place : place + 1] = [part for part in (left, right) if part[0] < part[1]]
            return True
    return False
