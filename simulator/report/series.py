"""One signal over time, as columns; long ones thinned out, keeping what was worst."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from controller.core.readings import ReadingState

STATES = tuple(ReadingState)
OK = STATES.index(ReadingState.OK)
KEEP_SAMPLES = 8_192
"""Per signal, about two hours of seconds; then each pair becomes one, again and again."""


@dataclass(frozen=True, slots=True)
class Series:
    """``n`` samples, ascending in ``at_s``. ``state`` is a place in `STATES`."""

    at_s: NDArray[np.float64]
    value: NDArray[np.float64]
    """NaN when there is none."""
    state: NDArray[np.int8]

    def ok(self) -> Series:
        """Those whose value may be believed."""
        rows = np.equal(self.state, OK)
        return Series(self.at_s[rows], self.value[rows], self.state[rows])

    def between(self, from_s: float, to_s: float) -> Series:
        """From ``from_s`` until before ``to_s``, without copying."""
        part = slice(*np.searchsorted(self.at_s, [from_s, to_s]).tolist())
        return Series(self.at_s[part], self.value[part], self.state[part])


class SignalRecorder:
    """Takes samples in order of time and stays small."""

    def __init__(self) -> None:
        self._growing: dict[str, _Growing] = {}

    def add(self, signal: str, at_s: float, value: float | None, state: str) -> None:
        """``signal`` with labels and window, as `SignalKey` writes it."""
        growing = self._growing.get(signal)
        if growing is None:
            growing = self._growing[signal] = _Growing()
        number = float("nan") if value is None else value
        growing.add(at_s, number, STATES.index(ReadingState(state)))

    def signals(self) -> Mapping[str, Series]:
        return {signal: growing.series() for signal, growing in self._growing.items()}


class _Growing:
    """Fixed columns, filled up; full ones are halved, and then every second sample is paired."""

    def __init__(self) -> None:
        self._columns = _room(64)
        self._used = 0
        self._stride = 1
        self._seen = 0

    def add(self, at_s: float, value: float, state: int) -> None:
        again = self._seen % self._stride != 0
        self._seen += 1
        at, values, states = self._columns
        last = self._used - 1
        if again:
            if state == OK and (states[last] != OK or value > values[last]):
                values[last], states[last] = value, state
            return
        if self._used == len(at):
            self._make_room()
            at, values, states = self._columns
        at[self._used], values[self._used], states[self._used] = at_s, value, state
        self._used += 1

    def series(self) -> Series:
        at, values, states = self._columns
        return Series(at[: self._used], values[: self._used], states[: self._used])

    def _make_room(self) -> None:
        if self._used < KEEP_SAMPLES:
            room = _room(2 * self._used)
            room[0][: self._used] = self._columns[0]
            room[1][: self._used] = self._columns[1]
            room[2][: self._used] = self._columns[2]
            self._columns = room
            return
        at, values, states = self._columns
        half = self._used // 2
        worse = np.arange(0, self._used, 2) + _second_is_worse(values, states)
        at[:half] = at[0 : self._used : 2]
        values[:half], states[:half] = values[worse], states[worse]
        self._used, self._stride = half, self._stride * 2


def _second_is_worse(values: NDArray[np.float64], states: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Of each pair: an unbelieved first gives way, a larger second wins."""
    first_ok, second_ok = states[0::2] == OK, states[1::2] == OK
    return np.asarray(second_ok & (~first_ok | (values[1::2] > values[0::2])), dtype=np.bool_)


def _room(size: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int8]]:
    return np.zeros(size), np.zeros(size), np.zeros(size, dtype=np.int8)
