"""What a monitor is: data that declares signals, a mergeable tally, a sequential reader.

Time arrives only as data: a tally knows the times in its rows, a reader the tick it is fed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from controller.core.readings import Labels, Reading, Readings, SignalKey, SignalSpec
from controller.monitors.counting.batch_view import BatchView
from controller.monitors.tick import TickView
from controller.settings import Settings

Arrays = dict[str, NDArray[Any]]
"""A tally as plain named arrays (never objects), so that it can be stored without pickle."""


class Family(NamedTuple):
    """Series that belong together: every spec for every value of the label they share.

    ``label`` is empty for signals without one. ``is_open``: a value that only a playbook names
    has its series too.
    """

    specs: tuple[SignalSpec, ...]
    label: str = ""
    values: tuple[str, ...] = ()
    is_open: bool = True


class Tally(Protocol):
    """Integer counts of one partition, or of several merged: exact in any order.

    Nothing may depend on the order of ``update`` and ``merge`` calls, as long as no limit is hit.
    """

    def update(self, rows: BatchView) -> None:
        """Count one batch of one of the monitor's topics."""

    def merge(self, other: Any) -> None:
        """Add what another tally of the same kind counted; ``other`` stays as it is."""

    def forget(self, before_s: float, after_s: float) -> None:
        """Drop what is older than any window, and what lies in the future."""

    def snapshot(self) -> Arrays:
        """Everything, as arrays."""

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Become what was snapshotted. Raise KeyError or ValueError on anything else."""


class Reader(Protocol):
    """What must be sequential lives here; a series is only read when somebody asks for it."""

    def advance(self, tally: Any, tick: TickView) -> None:
        """Learn what every tick must teach. Called once per tick, before any ``reading``."""
        del tally, tick  # most have nothing to learn

    def learn(self, readings: Readings, tick: TickView) -> None:
        """Learn from this tick's readings of other signals, after every follower. Ask for few."""
        del readings, tick  # most are made of counts alone

    def families(self, tally: Any) -> tuple[Family, ...]:
        """Which series there are now."""

    def reading(self, key: SignalKey, tally: Any, tick: TickView) -> Reading:
        """One of those series at one window. Asking changes no other answer."""

    def snapshot(self) -> Arrays:
        """What was learnt and cannot be read from the tally again, as arrays."""
        return {}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Become what was snapshotted; nothing there: stay new. Raise KeyError or ValueError."""
        del arrays


@dataclass(frozen=True, slots=True)
class Monitor:
    """One line in `monitor_set.MONITORS` is all it takes to add one."""

    name: str
    topics: tuple[str, ...]
    specs: tuple[SignalSpec, ...]
    tally: Callable[[Settings], Tally]
    reader: Callable[[Settings], Reader]
    extra_horizon_s: Callable[[Settings], float] = lambda _settings: 0.0
    """How much longer than its largest window its tally must remember."""
    every_s: int = 1
    """1, or a multiple of 10: its reader looks at ticks that are multiples of this, and between
    them its readings stay, so that what needs minutes costs a tenth."""
    more_specs: Callable[[Settings], tuple[SignalSpec, ...]] = lambda _settings: ()
    """Signals named after settings. Their reader keeps what they need: the tally forgets it."""

    def every_spec(self, settings: Settings) -> tuple[SignalSpec, ...]:
        """All signals of this service."""
        return (*self.specs, *self.more_specs(settings))


def label(name: str, value: str) -> Labels:
    """The labels of a series with one label."""
    return ((name, value),)


def empty_counts(size: int) -> NDArray[np.int64]:
    """Nothing counted yet."""
    return np.zeros(size, dtype=np.int64)
