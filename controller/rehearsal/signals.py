"""Every reading the playbooks and their guards look at, at each tick of a test."""

from __future__ import annotations

from collections.abc import Callable

from controller.core.head_room import ARM_BAD, ARM_RATE, CAPACITY, HEAD_ROOM, USER_RATE
from controller.core.playbook import Playbook
from controller.core.readings import Reading, SignalKey
from controller.core.settings import JudgeSettings
from controller.core.step import named_signals
from controller.rehearsal.course import Shown, constant, course, reading
from controller.rehearsal.model import QUIET, Rehearsal, Series
from controller.rehearsal.quiet import quiet_values
from controller.rehearsal.service import Service


class Signals:
    """Ask ``at`` with rising times only."""

    def __init__(self, rehearsal: Rehearsal, service: Service) -> None:
        playbooks, settings = service.playbooks, service.settings
        named = named_signals(playbooks, settings)
        quiet = quiet_values(playbooks, settings) if rehearsal.otherwise == QUIET else {}
        self._courses: dict[SignalKey, Callable[[float], Shown]] = {}
        for key in sorted(named | guard_signals(settings)):
            spec = service.catalogue.specs[key.name]
            series = _series_of(rehearsal.series, key)
            if series is not None:
                self._courses[key] = course(series, spec)
            elif key in named:
                state = "ok" if key in quiet else rehearsal.otherwise
                self._courses[key] = constant(quiet.get(key), state, spec)

    def at(self, at_s: float) -> dict[SignalKey, Reading]:
        found = {}
        for key, shown_at in self._courses.items():
            made = reading(shown_at(at_s), key, at_s)
            if made is not None:
                found[key] = made
        return found


def guard_signals(settings: JudgeSettings) -> frozenset[SignalKey]:
    """What head-room is judged by, at default windows."""
    users = SignalKey(USER_RATE, (), settings.default_windows_s.get(USER_RATE, 0.0))
    return frozenset({users}) | frozenset(
        SignalKey(name, (("arm", arm),), settings.default_windows_s.get(name, 0.0))
        for name in (HEAD_ROOM, CAPACITY, ARM_RATE, ARM_BAD)
        for arm in settings.arms
    )


def unread(
    series: tuple[Series, ...], playbooks: tuple[Playbook, ...], settings: JudgeSettings
) -> tuple[int, ...]:
    """The places of series that nobody looks at."""
    keys = named_signals(playbooks, settings) | guard_signals(settings)
    read = {id(_series_of(series, key)) for key in keys}
    return tuple(place for place, each in enumerate(series) if id(each) not in read)


def _series_of(series: tuple[Series, ...], key: SignalKey) -> Series | None:
    """The one for this very window, else the one for all windows."""
    same = [
        each
        for each in series
        if each.quantity.signal == key.name and tuple(sorted(each.quantity.labels)) == key.labels
    ]
    exact = [each for each in same if each.quantity.window_s == key.window_s]
    return next(iter((*exact, *(e for e in same if e.quantity.window_s is None))), None)
