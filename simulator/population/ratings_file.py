"""Reads a ratings file (MovieLens layout). Bad input is one line: file, line, field, accepted."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from controller.errors import BadInput

HEADER = ["userId", "movieId", "rating", "timestamp"]
RATING_MAX = 5.0
LEAST_RATINGS = 100
"""Fewer say nothing about anybody's taste."""


@dataclass(frozen=True, slots=True)
class Ratings:
    """Columns of equal length; ids as written in the file."""

    user_ids: tuple[str, ...]
    item_ids: tuple[str, ...]
    users: NDArray[np.int64]
    """Row in ``user_ids`` per rating."""
    items: NDArray[np.int64]
    values: NDArray[np.float64]


def read_ratings(path: Path) -> Ratings:
    """Raise BadInput at the first line that is not ``userId,movieId,rating,timestamp``."""
    users: dict[str, int] = {}
    items: dict[str, int] = {}
    columns: tuple[list[int], list[int], list[float]] = ([], [], [])
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for user, item, value in _rows(str(path), file):
                columns[0].append(users.setdefault(user, len(users)))
                columns[1].append(items.setdefault(item, len(items)))
                columns[2].append(value)
    except OSError as error:
        raise BadInput(
            f"cannot be read: {error.strerror}; a CSV file {','.join(HEADER)} is accepted",
            file=str(path),
        ) from error
    except UnicodeDecodeError as error:
        raise BadInput("is not UTF-8 text; a CSV file is accepted", file=str(path)) from error
    if len(columns[2]) < LEAST_RATINGS:
        raise BadInput(
            f"has {len(columns[2])} ratings; at least {LEAST_RATINGS} are needed", file=str(path)
        )
    return Ratings(
        tuple(users),
        tuple(items),
        np.array(columns[0], np.int64),
        np.array(columns[1], np.int64),
        np.array(columns[2], np.float64),
    )


def _rows(path: str, file: TextIO) -> Iterator[tuple[str, str, float]]:
    reader = csv.reader(file)
    try:
        header = next(reader, [])
        if header != HEADER:
            found = ",".join(header)[:80]
            raise BadInput(
                f"the header is {found!r}; {','.join(HEADER)!r} is accepted", file=path, line=1
            )
        for row in reader:
            yield _row(path, reader.line_num, row)
    except csv.Error as error:
        raise BadInput(f"is not CSV: {error}", file=path, line=reader.line_num) from error


def _row(path: str, line: int, row: list[str]) -> tuple[str, str, float]:
    if len(row) != len(HEADER):
        raise BadInput(
            f"has {len(row)} fields; {len(HEADER)} are accepted: {','.join(HEADER)}",
            file=path,
            line=line,
        )
    user, item, rating, timestamp = row
    for field, text in (("userId", user), ("movieId", item)):
        if not (text.isascii() and text.isdigit()):
            raise _refused(path, line, field, text, "a whole number")
    try:
        value = float(rating)
    except ValueError:
        value = math.nan
    if not 0.0 < value <= RATING_MAX:
        raise _refused(path, line, "rating", rating, f"a number above 0, at most {RATING_MAX:g}")
    if not (timestamp.isascii() and timestamp.isdigit()):
        raise _refused(path, line, "timestamp", timestamp, "whole seconds since 1970")
    return user, item, value


def _refused(path: str, line: int, field: str, text: str, accepted: str) -> BadInput:
    return BadInput(f"{text[:40]!r}; {accepted} is accepted", file=path, line=line, field=field)
