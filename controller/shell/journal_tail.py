"""Follows a journal that a running controller writes, without writing anything itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from controller.core.facts import Fact
from controller.shell.fact_rows import from_row
from controller.shell.journal import segment_paths
from controller.shell.segment import read_on


class JournalTail:
    """Begins with the newest segment of ``folder``, which holds all that is needed to step on."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path: Path | None = None
        self._at = 0

    def poll(self) -> Iterator[Mapping[str, Any] | Fact]:
        """Headers of segments that began, and the facts in them, as far as they are on disk.

        Raise BadInput when a file is no segment.
        """
        while True:
            if self._path is None:
                paths = segment_paths([self._folder])
                if not paths:
                    return
                self._path, self._at = paths[-1], 0
            yield from self._read_on()
            later = [path for path in segment_paths([self._folder]) if path > self._path]
            if not later:
                return
            yield from self._read_on()  # what was added before the next one began
            self._path, self._at = later[0], 0

    def _read_on(self) -> Iterator[Mapping[str, Any] | Fact]:
        assert self._path is not None, "a segment is chosen"
        try:
            header, rows, self._at = read_on(self._path, self._at)
        except FileNotFoundError:  # swept: it was older than the journal is kept
            return
        if header is not None:
            yield header
        for row in rows:
            yield from_row(row)
