"""Brings the store in line with the feature state, about once a second.

A store that is gone, comes back empty or comes back behind is an expected state: what could not be
written stays dirty, and a store that lost our last write gets every row again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from controller.errors import Unavailable
from serving.features import GROUPS, ITEM_HOUR, USER_RECENT, FeatureWrite
from serving.pipeline.feature_faults import (
    NO_FAULTS,
    FeatureFaults,
    other_items,
    shifted_counts,
)
from serving.pipeline.feature_state import FeatureState

MOST_USERS_PER_WRITE = 5_000


class FeatureStore(Protocol):
    """What `serving.features.FeatureWriter` does. Both raise Unavailable."""

    def holds_our_last_write(self) -> bool: ...

    def write(self, change: FeatureWrite) -> None: ...


@dataclass(frozen=True, slots=True)
class Written:
    """What one write did, for telemetry: rows by group, complete up to ``event_at_s``."""

    event_at_s: float
    rows: Mapping[str, int]


class FeatureSync:
    """Counts: feature_writes, feature_write_failures, feature_refills."""

    def __init__(self, state: FeatureState, store: FeatureStore) -> None:
        self._state = state
        self._store = store
        self._shifted: Mapping[str, float] = NO_FAULTS.shifted
        self.counts: Counter[str] = Counter()

    def sync(self, now_s: float, complete_to_s: float, faults: FeatureFaults) -> Written | None:
        """Write what changed; None when the store is not there."""
        state = self._state
        if faults.shifted != self._shifted:
            self._shifted = faults.shifted
            state.everything_is_dirty()
        try:
            if not self._store.holds_our_last_write():
                self.counts["feature_refills"] += 1
                state.everything_is_dirty()
            groups = [group for group in GROUPS if group not in faults.frozen]
            users = sorted(state.dirty)[:MOST_USERS_PER_WRITE] if USER_RECENT in groups else []
            hour = self._hour(now_s, faults) if ITEM_HOUR in groups else None
            complete = dict.fromkeys(groups, complete_to_s)
            if len(state.dirty) > len(users):
                complete.pop(USER_RECENT, None)  # rows are missing: not complete up to now
            self._store.write(FeatureWrite(self._recent(users, faults), hour, complete))
        except Unavailable:
            self.counts["feature_write_failures"] += 1
            return None
        state.dirty.difference_update(users)
        self.counts["feature_writes"] += 1
        rows = {USER_RECENT: len(users), ITEM_HOUR: len(hour or ())}
        return Written(complete_to_s, {group: rows[group] for group in complete})

    def _recent(self, users: list[int], faults: FeatureFaults) -> dict[int, list[str]]:
        rows = {user_id: self._state.recent_items(user_id) for user_id in users}
        if USER_RECENT not in faults.shifted:
            return rows
        known = list(self._state.known_items)
        everything = [item for items in rows.values() for item in items]
        instead = dict(zip(everything, other_items(everything, known), strict=True))
        return {user_id: [instead[item] for item in items] for user_id, items in rows.items()}

    def _hour(self, now_s: float, faults: FeatureFaults) -> Mapping[str, float]:
        counts = self._state.hour_counts(now_s)
        factor = faults.shifted.get(ITEM_HOUR)
        if factor is None:
            return counts
        return shifted_counts(counts, list(self._state.known_items), factor)
