"""Readings of one tick, each computed when it is asked for: most are never asked for."""

from __future__ import annotations

from collections.abc import (
    Callable,
    ItemsView,
    Iterator,
    KeysView,
    Mapping,
    Sequence,
    ValuesView,
)
from dataclasses import replace
from typing import Any

from controller.core.readings import Reading, SignalKey, SignalSpec
from controller.monitors.follower import Follower
from controller.monitors.monitor import Family, Reader
from controller.monitors.series import Wanted, keys_of
from controller.monitors.tick import TickView


class MadeOfReadings(Reader):
    """A follower, asked as readers are; it has no tally."""

    def __init__(self, follower: Follower) -> None:
        self._follower = follower

    def families(self, tally: None) -> tuple[Family, ...]:  # noqa: ARG002
        return self._follower.families()

    def reading(self, key: SignalKey, tally: None, tick: TickView) -> Reading:  # noqa: ARG002
        return self._follower.reading(key, tick)


class ReadPart:
    """One monitor's reader and tally. Keeps the keys of its series while there are no others.

    With ``every_s`` above 1 it looks at ticks that are multiples of it, and keeps its readings
    until the next such tick.
    """

    def __init__(
        self, specs: Sequence[SignalSpec], reader: Reader, tally: Any, every_s: int = 1
    ) -> None:
        self.names = frozenset(spec.name for spec in specs)
        self.reader = reader
        self.tally = tally
        self._every_s = every_s
        self._tick: TickView | None = None
        self._kept: dict[SignalKey, Reading] = {}
        self._whole: dict[SignalKey, Reading] = {}
        """All readings of the last look, once somebody asked for all of `_whole_of`."""
        self._whole_of: frozenset[SignalKey] | None = None
        self._families: tuple[Family, ...] = ()
        self._wanted: Wanted = {}
        self._keys: frozenset[SignalKey] = frozenset()

    def advance(self, tick: TickView) -> None:
        """Let the reader learn, if this is a tick it looks at."""
        if self._every_s > 1:
            due_s = tick.at_s - tick.at_s % self._every_s
            if self._tick is not None and self._tick.at_s == due_s:
                if self._tick.bus_is_up != tick.bus_is_up:  # what is not fed is not believed
                    self._look(replace(tick, at_s=due_s))
                return
            if tick.at_s != due_s:
                tick = replace(tick, at_s=due_s)
        self._look(tick)
        self.reader.advance(self.tally, tick)

    def _look(self, tick: TickView) -> None:
        self._tick, self._kept, self._whole_of = tick, {}, None

    def reading(self, key: SignalKey, tick: TickView) -> Reading:
        """One of the series, as of the last tick it looked at."""
        if self._every_s == 1 or self._tick is None:
            return self.reader.reading(key, self.tally, tick)
        found = self._kept.get(key)
        if found is None:
            found = self._kept[key] = self.reader.reading(key, self.tally, self._tick)
        return found

    def read_all(
        self, keys: frozenset[SignalKey], tick: TickView, into: dict[SignalKey, Reading]
    ) -> None:
        """Add those of all these series; of those there already nothing is asked again."""
        if self._every_s == 1 or self._tick is None:
            read, tally = self.reader.reading, self.tally
            for key in keys:
                if key not in into:
                    into[key] = read(key, tally, tick)
            return
        if self._whole_of is not keys:
            self._whole = {key: self.reading(key, tick) for key in keys}
            self._whole_of = keys
        into.update(self._whole)

    def keys(self, wanted: Wanted) -> frozenset[SignalKey]:
        """Every series there is now."""
        families = self.reader.families(self.tally)
        if wanted is not self._wanted or families != self._families:
            self._keys = keys_of(families, wanted)
            self._families, self._wanted = families, wanted
        return self._keys


class LazyReadings(Mapping[SignalKey, Reading]):
    """``place_of`` is the place among ``parts`` of each signal's, by name.

    ``is_current`` tells whether the tallies still are what they were at the tick.

    Raise RuntimeError for a reading asked for the first time when they are not: what it was is
    gone. Going through all of them makes them all, so a copy is good for ever.
    """

    def __init__(
        self,
        parts: Sequence[ReadPart],
        place_of: Mapping[str, int],
        tick: TickView,
        wanted: Wanted,
        is_current: Callable[[], bool],
    ) -> None:
        self._parts = parts
        self._place_of = place_of
        self._tick = tick
        self._wanted = wanted
        self._is_current = is_current
        self._keys: dict[int, frozenset[SignalKey]] = {}
        self._made: dict[SignalKey, Reading] = {}
        self._is_whole = False

    def __getitem__(self, key: SignalKey) -> Reading:
        found = self._made.get(key)
        if found is None:
            part = self._part_of(key)
            self._must_be_current()
            found = self._made[key] = part.reading(key, self._tick)
        return found

    def get(self, key: SignalKey, default: Any = None) -> Any:
        """As of any mapping; what was made already costs one look."""
        found = self._made.get(key)
        return super().get(key, default) if found is None else found

    def __iter__(self) -> Iterator[SignalKey]:
        """Which there are; it makes none."""
        for at in range(len(self._parts)):
            yield from self._keys_of(at)

    def __len__(self) -> int:
        return sum(len(self._keys_of(at)) for at in range(len(self._parts)))

    def keys(self) -> KeysView[SignalKey]:
        """Of all readings, which are made at once: ``dict(...)`` asks for the keys first."""
        return self._all().keys()

    def items(self) -> ItemsView[SignalKey, Reading]:
        return self._all().items()

    def values(self) -> ValuesView[Reading]:
        return self._all().values()

    def _all(self) -> dict[SignalKey, Reading]:
        if not self._is_whole:
            for at, part in enumerate(self._parts):
                keys = self._keys_of(at)
                self._must_be_current()
                part.read_all(keys, self._tick, self._made)
            self._is_whole = True
        return self._made

    def _part_of(self, key: SignalKey) -> ReadPart:
        at = self._place_of.get(key.name)
        if at is None or key not in (self._keys.get(at) or self._keys_of(at)):
            raise KeyError(key)
        return self._parts[at]

    def _keys_of(self, at: int) -> frozenset[SignalKey]:
        if at not in self._keys:
            self._must_be_current()
            self._keys[at] = self._parts[at].keys(self._wanted)
        return self._keys[at]

    def _must_be_current(self) -> None:
        if not self._is_current():
            raise RuntimeError("readings are asked for after their tick: copy them in time")
