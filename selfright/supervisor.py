"""Keeps children alive: notices a death, says it, starts the child again with back-off.

Knows nothing of what the children do; `selfright/up.py` decides which there are.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol

from controller.atomic_file import write_atomically
from controller.errors import SelfrightError, Unavailable

BACKOFF_FIRST_S = 0.5
BACKOFF_MAX_S = 30.0
STEADY_AFTER_S = 60.0
"""A child that lived this long starts its back-off anew."""
READY_CAP_S = 180.0
_LOOK_EVERY_S = 0.1


class Supervised(Protocol):
    """One child process."""

    @property
    def name(self) -> str: ...

    @property
    def pid(self) -> int | None:
        """None while it does not run."""

    @property
    def exit_code(self) -> int | None:
        """How it last ended; negative: the signal that ended it."""

    def start(self) -> None:
        """Spawn it, or raise SelfrightError; it may be ready only later."""

    def is_ready(self) -> bool:
        """Whether others may rely on it now."""

    def stop(self) -> None: ...

    def log_tail(self, lines: int = 5) -> str:
        """The end of what it printed, for a message about its death."""


class _Phase(Enum):
    STOPPED = 1
    STARTING = 2
    UP = 3
    WAITING = 4
    """Dead; started again when its back-off is over."""


@dataclass(slots=True)
class _Life:
    child: Supervised
    phase: _Phase = _Phase.STOPPED
    since_s: float = 0.0
    backoff_s: float = BACKOFF_FIRST_S
    start_at_s: float = 0.0


class Supervisor:
    """Starts children in groups, watches them, stops them in reverse order."""

    def __init__(
        self,
        *,
        data_dir: Path,
        now_s: Callable[[], float],
        sleep_s: Callable[[float], object],
        say: Callable[[str], None],
    ) -> None:
        self._lives: list[_Life] = []
        self._data_dir = data_dir
        self._now_s = now_s
        self._sleep_s = sleep_s
        self._say = say

    def start(self, children: Sequence[Supervised], stopping: Callable[[], bool]) -> None:
        """Start a group and wait until all of it is ready, or until ``stopping()``.

        Raises SelfrightError when one cannot start or ends at its start; `stop` ends the rest.
        """
        lives = [_Life(child) for child in children]
        self._lives.extend(lives)
        for life in lives:
            self._say(f"starting {life.child.name}")
            self._spawn(life)
        while not stopping() and any(life.phase is _Phase.STARTING for life in lives):
            for life in lives:
                self._await_first_start(life)
            self._sleep_s(_LOOK_EVERY_S)

    def watch(self) -> None:
        """One look at every child; call it a few times a second."""
        for life in self._lives:
            match life.phase:
                case _Phase.WAITING:
                    if self._now_s() >= life.start_at_s:
                        self._start_again(life)
                case _Phase.STARTING if life.child.pid is not None:
                    if life.child.is_ready():
                        self._note_up(life)
                case _Phase.UP | _Phase.STARTING:
                    if life.child.pid is None:
                        self._note_death(life)
                case _Phase.STOPPED:
                    pass

    def restart(self, name: str, why: str) -> None:
        """Stop and start one child on purpose (the broker's recycling)."""
        life = next(life for life in self._lives if life.child.name == name)
        self._say(f"restarting {name}: {why}")
        life.child.stop()
        self._start_again(life)

    def stop(self) -> None:
        """Stop all in reverse order; every child is tried even when one fails to stop."""
        failures: list[Exception] = []
        for life in reversed(self._lives):
            if life.phase is _Phase.STOPPED:
                continue
            self._say(f"stopping {life.child.name}")
            try:
                life.child.stop()
            except (OSError, SelfrightError) as error:
                failures.append(error)
            life.phase = _Phase.STOPPED
        self._write_processes()
        if failures:
            raise ExceptionGroup("some children could not be stopped", failures)

    def _spawn(self, life: _Life) -> None:
        life.phase = _Phase.STARTING
        life.since_s = self._now_s()
        life.child.start()
        if life.child.is_ready():
            life.phase = _Phase.UP
        self._write_processes()

    def _await_first_start(self, life: _Life) -> None:
        if life.phase is not _Phase.STARTING:
            return
        if life.child.pid is None:
            raise Unavailable(
                f"{life.child.name} did not start: {_describe(life.child.exit_code)}; "
                f"it said: {_last_line(life.child)}"
            )
        if life.child.is_ready():
            life.phase = _Phase.UP
            self._say(f"{life.child.name} is ready (pid {life.child.pid})")
        elif self._now_s() - life.since_s > READY_CAP_S:
            raise Unavailable(f"{life.child.name} was not ready after {READY_CAP_S:g} s")

    def _note_up(self, life: _Life) -> None:
        life.phase = _Phase.UP
        life.since_s = self._now_s()
        self._say(f"{life.child.name} is up again (pid {life.child.pid})")

    def _note_death(self, life: _Life) -> None:
        if life.phase is _Phase.UP and self._now_s() - life.since_s > STEADY_AFTER_S:
            life.backoff_s = BACKOFF_FIRST_S
        self._say(
            f"{life.child.name} ended ({_describe(life.child.exit_code)}); "
            f"it said: {_last_line(life.child)}"
        )
        life.child.stop()  # what it started goes too, so that the next start finds room
        self._wait(life)

    def _wait(self, life: _Life) -> None:
        life.phase = _Phase.WAITING
        life.start_at_s = self._now_s() + life.backoff_s
        self._say(f"starting {life.child.name} again in {life.backoff_s:g} s")
        life.backoff_s = min(life.backoff_s * 2, BACKOFF_MAX_S)
        self._write_processes()

    def _start_again(self, life: _Life) -> None:
        try:
            self._spawn(life)
        except SelfrightError as error:
            self._say(f"{life.child.name} did not start: {error}")
            self._wait(life)
            return
        if life.phase is _Phase.UP:
            self._note_up(life)

    def _write_processes(self) -> None:
        alive = {
            life.child.name: life.child.pid for life in self._lives if life.child.pid is not None
        }
        content = json.dumps(alive).encode()
        write_atomically(self._data_dir / "run" / "processes.json", content, durable=False)


def _describe(exit_code: int | None) -> str:
    if exit_code is None:
        return "no exit status"
    return f"killed by signal {-exit_code}" if exit_code < 0 else f"exit status {exit_code}"


def _last_line(child: Supervised) -> str:
    lines = [line for line in child.log_tail(3).splitlines() if line.strip()]
    return lines[-1] if lines else "nothing"
