"""What a follower is: it reads other signals' readings, tick by tick, and gives its own.

A follower is sequential and there is one, beside the readers; it never sees telemetry. It follows
what a playbook asks for (`follow`), and what it always follows by itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

from controller.core.readings import Catalogue, Reading, Readings, SignalKey, SignalSpec
from controller.monitors.monitor import Arrays, Family
from controller.monitors.tick import TickView
from controller.settings import Settings


class Follower(Protocol):
    def follow(self, wanted: Iterable[SignalKey]) -> None:
        """Of all wanted keys, those of this follower's own signals are to be ready from now on.

        Called again with the whole set when playbooks change: what stays keeps what it learnt.
        Labels may hold a variable such as ``$arm``, which stands for every series.
        """

    def advance(self, readings: Readings, tick: TickView) -> None:
        """Learn from this tick's readings of other signals. Asking for one makes it: ask for few.

        Called once per tick, after every reader has advanced.
        """

    def families(self) -> tuple[Family, ...]:
        """Which series there are now."""

    def reading(self, key: SignalKey, tick: TickView) -> Reading:
        """One of those series at one window. Asking changes no other answer."""

    def snapshot(self) -> Arrays:
        """What was learnt, as arrays."""

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Become what was snapshotted; nothing there: stay new. Raise KeyError or ValueError."""


@dataclass(frozen=True, slots=True)
class FollowerKind:
    """One line in `following.FOLLOWERS` is all it takes to add one.

    ``specs`` and ``make`` are given the settings and the catalogue of the monitors' own signals.
    """

    name: str
    specs: Callable[[Settings, Catalogue], tuple[SignalSpec, ...]]
    make: Callable[[Settings, Catalogue], Follower]


_OF_ONE = re.compile(r"(?:anomaly|change)\(([^(),]+)\)")


def followed(key: SignalKey) -> SignalKey | None:
    """The series that ``anomaly(NAME)`` or ``change(NAME)`` is about, which must be read too."""
    found = _OF_ONE.fullmatch(key.name)
    return SignalKey(found[1], key.labels, key.window_s) if found else None
