"""The pipeline's memory on disk: positions, pending joins and features, in one atomic file.

Written after each part. Two Arrow streams (pending requests, recent items), and everything small as
JSON in the first one's metadata.
"""

from __future__ import annotations

import json
import os
from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from controller.ports import Partition, Position
from controller.telemetry.ledger import Ledger
from serving.pipeline.feature_state import FeatureState
from serving.pipeline.joiner import Joiner, Orphan, Pending

FORMAT = 1
_META = b"selfright.pipeline"
_PENDING = pa.schema(
    [
        ("request_id", pa.binary(16)),
        ("at_s", pa.float64()),
        ("user_id", pa.uint64()),
        ("arm", pa.string()),
        ("item_ids", pa.list_(pa.string())),
        ("positions", pa.list_(pa.int16())),
        ("clicked", pa.list_(pa.int16())),
    ]
)
_RECENT = pa.schema(
    [
        ("user_id", pa.uint64()),
        ("item_ids", pa.list_(pa.string())),
        ("at_s", pa.list_(pa.float64())),
    ]
)


class BadSnapshot(Exception):
    """The file is not one of ours or of another format; ``str()`` says which."""


@dataclass(slots=True)
class Memory:
    """Everything that a restart must not forget."""

    run: str
    next_part: int
    watermark_s: float
    positions: Mapping[Partition, Position]
    ledger: Ledger
    joiner: Joiner
    features: FeatureState


def save(path: Path, memory: Memory) -> None:
    """Replace the snapshot as a whole. Raise OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    staging = path.with_suffix(".staging")
    metadata = {_META: json.dumps(_small(memory), separators=(",", ":")).encode()}
    with staging.open("wb") as file:
        for table in (
            _pending_table(memory.joiner).replace_schema_metadata(metadata),
            _recent_table(memory.features),
        ):
            with pa.ipc.new_stream(file, table.schema) as stream:
                stream.write_table(table)
        file.flush()
        os.fsync(file.fileno())
    staging.rename(path)


def load(path: Path, window_s: float) -> Memory | None:
    """None when there is no snapshot. Raise BadSnapshot when it cannot be used."""
    try:
        with path.open("rb") as file:
            pending = pa.ipc.open_stream(file).read_all()
            recent = pa.ipc.open_stream(file).read_all()
        small = json.loads((pending.schema.metadata or {})[_META])
        if small["format"] != FORMAT:
            raise BadSnapshot(f"{path}: format {small['format']!r} is not {FORMAT}")
        return _restore(small, pending, recent, window_s)
    except FileNotFoundError:
        return None
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        raise BadSnapshot(f"{path}: {type(error).__name__}: {error}") from error


def _small(memory: Memory) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "run": memory.run,
        "next_part": memory.next_part,
        "watermark_s": memory.watermark_s,
        "positions": [
            [topic, partition, position.topic_id, position.offset]
            for (topic, partition), position in memory.positions.items()
        ],
        "ledger": memory.ledger.snapshot().decode(),
        "closed_to_s": max(memory.joiner.closed_to_s, 0.0),
        "orphans": [
            [request_id.hex(), [[o.served_at_s, o.at_s, list(o.positions)] for o in orphans]]
            for request_id, orphans in memory.joiner.orphans.items()
        ],
        "counts": memory.joiner.counts,
        "minutes": {str(minute): counts for minute, counts in memory.features.minutes.items()},
        "known_items": list(memory.features.known_items),
    }


def _restore(small: Mapping[str, Any], pending: pa.Table, recent: pa.Table, w: float) -> Memory:
    ledger, joiner, features = Ledger(), Joiner(w), FeatureState()
    ledger.restore(small["ledger"].encode())
    for row in pending.to_pylist():
        joiner.add_pending(
            row["request_id"],
            Pending(
                row["at_s"],
                row["user_id"],
                row["arm"],
                row["item_ids"],
                row["positions"],
                set(row["clicked"]),
            ),
        )
    joiner.orphans = {
        bytes.fromhex(request_id): [Orphan(o[0], o[1], tuple(o[2])) for o in orphans]
        for request_id, orphans in small["orphans"]
    }
    joiner.closed_to_s = small["closed_to_s"]
    joiner.counts = Counter(small["counts"])
    features.recent = OrderedDict(
        (row["user_id"], dict(zip(row["item_ids"], row["at_s"], strict=True)))
        for row in recent.to_pylist()
    )
    features.minutes = {int(at): Counter(counts) for at, counts in small["minutes"].items()}
    features.learn_items(small["known_items"])
    return Memory(
        run=small["run"],
        next_part=small["next_part"],
        watermark_s=small["watermark_s"],
        positions={
            (t, p): Position(topic_id, offset) for t, p, topic_id, offset in small["positions"]
        },
        ledger=ledger,
        joiner=joiner,
        features=features,
    )


def _pending_table(joiner: Joiner) -> pa.Table:
    requests = joiner.pending.values()
    columns = {
        "request_id": list(joiner.pending),
        "at_s": [r.at_s for r in requests],
        "user_id": [r.user_id for r in requests],
        "arm": [r.arm for r in requests],
        "item_ids": [r.item_ids for r in requests],
        "positions": [r.positions for r in requests],
        "clicked": [sorted(r.clicked) for r in requests],
    }
    return pa.table(columns, schema=_PENDING)


def _recent_table(features: FeatureState) -> pa.Table:
    columns = {
        "user_id": list(features.recent),
        "item_ids": [list(newest) for newest in features.recent.values()],
        "at_s": [list(newest.values()) for newest in features.recent.values()],
    }
    return pa.table(columns, schema=_RECENT)
