"""Cache hits of a quiet span: which answer, if any, each request finds.

All that is written in a span is kept equally long, so what is folded in later is also kept
longer, and what a request finds is the newest answer folded in before its slot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.visits import Integers
from simulator.world.cache import NEVER_US
from simulator.world.handled import SLOT_US
from simulator.world.slab import Slab
from simulator.world.state import ServiceState, UnderWay

MISS = -1
KEPT = -2
"""Found what was in the cache before the span; -3 - i: the i-th attempt then under way."""


@dataclass(slots=True)
class _Write:
    source: int
    until_us: int
    visible_us: int


class CacheReaders:
    """The requests of a span that look into the cache, and what was in it before."""

    def __init__(
        self, slab: Slab, state: ServiceState, visits: Integers, under_way: Sequence[UnderWay]
    ) -> None:
        """``visits``: rows of users' requests drawn to arms with a cache, ascending.
        ``under_way``: ascending."""
        v = slab.visits
        self._ttl_us = slab.ttl_us
        users, arms = v.user[visits], slab.drawn[visits]
        self._at_us = v.at_us[visits]
        self._slot_us = (self._at_us // SLOT_US * SLOT_US).tolist()
        self._keys = (users * len(slab.arms) + arms).tolist()
        self.until_us = np.full(len(visits), NEVER_US, dtype=np.int64)
        self.events_us = np.zeros((len(visits), slab.events_us.shape[1]), dtype=np.int64)
        for arm, name in enumerate(slab.arms):
            shelf = state.cache.find(name, slab.versions[arm])
            if shelf is not None:
                mine = np.flatnonzero(arms == arm)
                self.until_us[mine] = shelf.until_us[users[mine]]
                self.events_us[mine] = shelf.events_us[users[mine]]
        self._before = self._writes_under_way(slab, under_way)

    def sources(self, end_us: Integers, keeps: NDArray[np.bool_]) -> Integers:
        """Where each reader's answer is from: a reader's row, KEPT and below, or MISS.

        ``end_us``, ``keeps``: when its attempt ends, and whether its answer is kept, were it a
        miss.
        """
        waiting = {key: list(writes) for key, writes in self._before.items()}
        newest: dict[int, tuple[int, int]] = {}
        found = []
        visible_us = ((end_us // SLOT_US + 1) * SLOT_US).tolist()
        columns = zip(
            self._keys,
            self._at_us.tolist(),
            self._slot_us,
            self.until_us.tolist(),
            (end_us + self._ttl_us).tolist(),
            visible_us,
            keeps.tolist(),
            strict=True,
        )
        for row, (key, at_us, slot_us, kept_us, until_us, seen_us, is_kept) in enumerate(columns):
            if key in waiting:
                _settle(waiting, newest, key, slot_us)
            source, found_until_us = newest.get(key, (KEPT, kept_us))
            if found_until_us > at_us:
                found.append(source)
                continue
            found.append(MISS)
            if is_kept:
                waiting.setdefault(key, []).append(_Write(row, until_us, seen_us))
        return np.array(found, dtype=np.int64)

    def _writes_under_way(
        self, slab: Slab, under_way: Sequence[UnderWay]
    ) -> dict[int, list[_Write]]:
        before: dict[int, list[_Write]] = {}
        for i, attempt in enumerate(under_way):
            kept, arm = attempt.keeping, slab.order.get(attempt.arm)
            if kept is None or arm is None or kept.version != slab.versions[arm]:
                continue
            visible_us = (attempt.end_us // SLOT_US + 1) * SLOT_US
            write = _Write(KEPT - 1 - i, attempt.end_us + kept.ttl_us, visible_us)
            before.setdefault(kept.user * len(slab.arms) + arm, []).append(write)
        return before


def _settle(
    waiting: dict[int, list[_Write]], newest: dict[int, tuple[int, int]], key: int, slot_us: int
) -> None:
    """Fold in the writes of this key that can be seen in the slot."""
    seen = [write for write in waiting[key] if write.visible_us <= slot_us]
    if not seen:
        return
    last = max(seen, key=lambda write: write.until_us)
    tied = [write for write in seen if write.until_us == last.until_us]
    newest[key] = (tied[-1].source, last.until_us)
    rest = [write for write in waiting[key] if write.visible_us > slot_us]
    if rest:
        waiting[key] = rest
    else:
        del waiting[key]


def is_simple(state: ServiceState, slab: Slab) -> bool:
    """Whether what is under way will be kept as long as the plan says, and longer than what it
    replaces (not so shortly after a change of the plan)."""
    for attempt in state.under_way:
        kept = attempt.keeping
        if kept is None:
            continue
        shelf = state.cache.find(attempt.arm, kept.version)
        is_longer = shelf is None or shelf.until_us[kept.user] <= attempt.end_us + kept.ttl_us
        if kept.ttl_us != slab.ttl_us or not is_longer:
            return False
    return True
