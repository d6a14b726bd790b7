"""The features themselves: recent items per user and clicks per item in the last hour. Pure.

Both come out the same in whatever order the clicks arrive.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping

from serving.features import HOUR_S, RECENT_LIMIT
from serving.pipeline.joiner import Click

MINUTE_S = 60.0
MOST_USERS = 500_000
"""Users kept here to refill an empty store; the longest silent leave first."""
MOST_ITEMS = 200_000
"""Items known by name; only shifted features need them."""


class FeatureState:
    """What the store should hold. ``dirty`` are the users whose row there is behind."""

    def __init__(self) -> None:
        self.recent: OrderedDict[int, dict[str, float]] = OrderedDict()
        """user → item → time of its newest click, the 20 newest items"""
        self.minutes: dict[int, Counter[str]] = {}
        """minute since 1970 → item → clicks"""
        self.known_items: dict[str, None] = {}
        self.dirty: set[int] = set()

    def add(self, clicks: Iterable[Click]) -> None:
        """Clicks not added before."""
        for click in clicks:
            newest = self.recent.setdefault(click.user_id, {})
            self.recent.move_to_end(click.user_id)
            newest[click.item_id] = max(click.at_s, newest.get(click.item_id, click.at_s))
            if len(newest) > RECENT_LIMIT:
                del newest[min(newest, key=lambda item: (newest[item], item))]
            self.minutes.setdefault(int(click.at_s // MINUTE_S), Counter())[click.item_id] += 1
            self.dirty.add(click.user_id)
            self.learn_items((click.item_id,))
        while len(self.recent) > MOST_USERS:
            user_id, _ = self.recent.popitem(last=False)
            self.dirty.discard(user_id)

    def learn_items(self, item_ids: Iterable[str]) -> None:
        """Names of items that exist."""
        if len(self.known_items) < MOST_ITEMS:
            self.known_items.update(dict.fromkeys(item_ids))

    def recent_items(self, user_id: int) -> list[str]:
        """Newest first."""
        newest = self.recent.get(user_id, {})
        return sorted(newest, key=lambda item: (newest[item], item), reverse=True)

    def hour_counts(self, now_s: float) -> Mapping[str, float]:
        """Clicks per item in the last 60 minutes (whole minutes and the current one)."""
        oldest = int((now_s - HOUR_S) // MINUTE_S) + 1
        for minute in [minute for minute in self.minutes if minute < oldest]:
            del self.minutes[minute]
        total: Counter[str] = Counter()
        for counts in self.minutes.values():
            total.update(counts)
        return {item: float(count) for item, count in total.items()}

    def everything_is_dirty(self) -> None:
        """The store lost our rows, or they were wrong: write all of them again."""
        self.dirty.update(self.recent)
