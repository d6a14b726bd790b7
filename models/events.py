"""Interactions as arrays, and what was known about users and items at any past moment.

Training looks at features exactly as they would have been served: only clicks strictly before the
request count, so nothing leaks from the answer into the question.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from models.interactions import HOUR_S

RECENT_LIMIT = 20
_LOOK_BACK = 3 * RECENT_LIMIT
Codes = NDArray[np.int64]
Times = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Events:
    """Rows in time order; ``user`` and ``item`` are positions in ``user_ids`` and ``item_ids``."""

    at_s: Times
    user: Codes
    item: Codes
    position: Codes
    clicked: NDArray[np.bool_]
    served: NDArray[np.bool_]
    """False for history, which knows no unclicked rows."""
    request: Codes
    """The same number for the rows of one request."""
    user_ids: NDArray[np.uint64]
    item_ids: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.at_s)

    def rows(self, chosen: NDArray[np.bool_] | Codes | slice) -> Events:
        """Some of the rows, in their order; ids keep their positions."""
        return Events(
            self.at_s[chosen],
            self.user[chosen],
            self.item[chosen],
            self.position[chosen],
            self.clicked[chosen],
            self.served[chosen],
            self.request[chosen],
            self.user_ids,
            self.item_ids,
        )


def events_from(table: pa.Table) -> Events:
    """From a table of `models.interactions.SCHEMA`, oldest first."""
    item, item_ids = _encode(table["item_id"])
    user, user_ids = _encode(table["user_id"])
    request, _ = _encode(table["request_id"])
    return Events(
        at_s=table["at_s"].to_numpy(),
        user=user,
        item=item,
        position=table["position"].to_numpy().astype(np.int64),
        clicked=table["clicked"].to_numpy().astype(np.bool_),
        served=pc.equal(table["source"], "served").to_numpy().astype(np.bool_),
        request=request,
        user_ids=np.asarray(user_ids.to_numpy(zero_copy_only=False), dtype=np.uint64),
        item_ids=np.asarray(item_ids.to_pylist(), dtype=np.str_),
    )


def _encode(column: pa.ChunkedArray) -> tuple[Codes, pa.Array]:
    """Codes into the distinct values, which are sorted so that codes do not depend on order."""
    encoded = column.combine_chunks().dictionary_encode()
    order = pc.sort_indices(encoded.dictionary).to_numpy()
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return place[encoded.indices.to_numpy()], encoded.dictionary.take(pa.array(order))


class ClickHistory:
    """Answers what the feature store held at a past moment."""

    def __init__(self, events: Events) -> None:
        clicks = events.rows(events.clicked)
        self._at_s = clicks.at_s
        self._item = clicks.item
        self._items = len(events.item_ids)
        by_user = np.lexsort((clicks.at_s, clicks.user))
        self._user_at_s = clicks.at_s[by_user]
        self._user_item = clicks.item[by_user]
        users = np.arange(len(events.user_ids) + 1)
        self._starts = np.searchsorted(clicks.user[by_user], users)

    def recent(self, user: int, at_s: float) -> list[int]:
        """Item codes this user clicked before, newest first, each once, at most 20."""
        start, stop = self._starts[user], self._starts[user + 1]
        end = start + np.searchsorted(self._user_at_s[start:stop], at_s)
        newest_first = self._user_item[max(start, end - _LOOK_BACK) : end][::-1]
        return list(dict.fromkeys(newest_first.tolist()))[:RECENT_LIMIT]

    def hour_counts(self, at_s: float) -> Codes:
        """Clicks per item code in the hour before; shape (items,)."""
        low, high = np.searchsorted(self._at_s, [at_s - HOUR_S, at_s])
        return np.bincount(self._item[low:high], minlength=self._items)


def sample(count: int, limit: int, rng: np.random.Generator) -> Codes:
    """At most ``limit`` of ``count`` positions, in order, without repeats."""
    if count <= limit:
        return np.arange(count)
    return np.sort(rng.choice(count, size=limit, replace=False))


def names(events: Events, codes: Sequence[int] | Codes) -> tuple[str, ...]:
    """Item ids of item codes."""
    return tuple(events.item_ids[np.asarray(codes, dtype=np.int64)].tolist())
