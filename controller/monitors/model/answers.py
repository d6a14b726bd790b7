"""Who answered each row: arm and model version, as one series ``ARM/VERSION``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from controller.monitors.counting.batch_view import BatchView
from controller.monitors.counting.slots import Slots
from controller.monitors.system import columns

Numbers = NDArray[np.int64]
MOST_VERSIONS = 48
"""Series of arms and versions; those without counts make room for new ones."""
S = TypeVar("S", bound=Slots)


class Answers(NamedTuple):
    """``names[codes[row]]``; code -1: nobody answered afresh (from the cache, or not at all)."""

    names: tuple[str, ...]
    codes: Numbers


def answers(rows: BatchView) -> Answers:
    """Of every row of the slab, made once."""
    found: Answers = rows.made("model.answers", _answers)
    return found


def _answers(rows: BatchView) -> Answers:
    versions, version = columns.versions(rows)
    by = rows.labels("served_by")
    known = (version >= 0) & (by.codes >= 0)
    pairs = np.where(known, version * len(by.names) + by.codes, -1)
    there = np.unique(pairs[known])
    codes = np.where(known, there.searchsorted(pairs), -1)
    names = [
        series(by.names[pair % len(by.names)], versions[pair // len(by.names)])
        for pair in there.tolist()
    ]
    return Answers(tuple(names), codes)


def series(arm: str, version: str) -> str:
    """The series of an arm while it serves this version."""
    return f"{arm}/{version}"


def arm_of(name: str) -> str:
    """The arm of such a series."""
    return name.partition("/")[0]


def served_versions(counts: Slots, arm: str, start_s: float, end_s: float) -> Mapping[str, int]:
    """How much was counted in a window by version of the arm, of those that have any."""
    mine = [(name, counts.row_of(name)) for name in counts.names() if arm_of(name) == arm]
    found: dict[str, int] = {}
    for _, table in counts.tables(start_s, end_s):
        for name, row in mine:
            if row is not None and row < len(table) and (total := int(table[row].sum())):
                version = name.partition("/")[2]
                found[version] = found.get(version, 0) + total
    return found


def make_room(counts: S, fresh: S, most: int = MOST_VERSIONS) -> S:
    """The counts without the series that are empty now, once there are half as many as may be.

    ``fresh`` is new and of the same layout; models come and go for as long as the service lives.
    """
    if len(counts.names()) <= most // 2:
        return counts
    fresh.merge(counts)
    return fresh
