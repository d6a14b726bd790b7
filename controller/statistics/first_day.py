"""What a change detector learns from: a series' values of at least one whole day."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.statistics.daily_level import DAY_S, Floats, hour_of_day

LEAST_LOOKS = 720


class FirstDay:
    """Rows about ``step_s`` apart, of one number for each of ``types`` (codes of `array.array`)."""

    def __init__(self, step_s: float, types: str) -> None:
        self.step_s = step_s
        self._types = types
        self._first_s = self._last_s = 0.0
        self._hours = array("f")
        self._columns: tuple[array[float], ...] = tuple(array(code) for code in types)

    def add(self, at_s: float, *numbers: float) -> None:
        """One row, in order of time."""
        if not self._hours:
            self._first_s = at_s
        self._last_s = at_s
        self._hours.append(hour_of_day(at_s))
        for column, number in zip(self._columns, numbers, strict=True):
            column.append(number)

    @property
    def is_over(self) -> bool:
        """Whether a day has passed and at least 720 rows are there."""
        return len(self._hours) >= LEAST_LOOKS and self.span_s >= DAY_S - self.step_s

    @property
    def span_s(self) -> float:
        """From the first row to the last."""
        return self._last_s - self._first_s

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(self._hours)

    def columns(self) -> tuple[Floats, ...]:
        """Hours of the day, then each number's column."""
        held = (self._hours, *self._columns)
        return tuple(np.array(column, dtype=np.float64) for column in held)

    def lacking(self) -> str:
        """How far it is, for people."""
        return f"learning: {self.span_s / 3_600:.1f} of 24 h, {self.rows} of {LEAST_LOOKS} values"

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """Everything, as arrays."""
        return {"rows": np.array(self.columns()), "span_s": np.array([self._first_s, self._last_s])}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Become what was snapshotted. Raise KeyError or ValueError on anything else."""
        rows, span_s = arrays["rows"], arrays["span_s"]
        if rows.ndim != 2 or len(rows) != 1 + len(self._columns) or span_s.shape != (2,):
            raise ValueError("not the first day of a series")
        self._first_s, self._last_s = span_s.tolist()
        self._hours = array("f", rows[0].tolist())
        columns = zip(self._types, rows[1:].tolist(), strict=True)
        self._columns = tuple(array(code, row) for code, row in columns)
