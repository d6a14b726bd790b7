"""The journal: every fact is written here first, then stepped as it reads from here.

Rows wait in memory until a flush; a fact that leads to a commit is on disk before the commit.
A process always begins a segment of its own, so what a crash tore is never written after.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from io import FileIO
from pathlib import Path
from typing import Any, Protocol

from controller.atomic_file import sync_folder
from controller.core.facts import Fact
from controller.shell.fact_rows import as_journaled, reading_rows, to_row
from controller.shell.journal_row import Row
from controller.shell.segment import header_frame, rows_frame, whole_bytes

SUFFIX = ".journal"
ROWS_BUFFERED_MAX = 10
SEGMENT_BYTES_MAX = 16 << 20


class FactLog(Protocol):
    """Where facts go first. `Journal` keeps them on disk, `NoJournal` keeps none."""

    def begin(self, at_s: float, header: Mapping[str, Any]) -> None:
        """Start a segment; ``header`` is all that a replay needs to begin there."""

    def write(self, fact: Fact) -> Fact:
        """Add a fact; return it as it reads from the journal (quantized)."""

    def flush(self) -> None:
        """Return when all that was written is on disk."""

    def is_full(self) -> bool:
        """Whether the segment is long enough to begin another."""

    def close(self) -> None: ...


class NoJournal(FactLog):
    """For simulations that need no replay; facts are quantized just the same."""

    def begin(self, at_s: float, header: Mapping[str, Any]) -> None:
        """Nothing is kept."""

    def write(self, fact: Fact) -> Fact:
        return as_journaled(fact)

    def flush(self) -> None:
        """Nothing is kept."""

    def is_full(self) -> bool:
        return False

    def close(self) -> None:
        """Nothing is held."""


class Journal(FactLog):
    """Segments ``START_S-N.journal`` in one folder, kept up to an age and a size."""

    def __init__(self, folder: Path, keep_s: float, keep_bytes: float) -> None:
        self._folder = folder
        self._keep_s = keep_s
        self._keep_bytes = keep_bytes
        self._stream: FileIO | None = None
        self._rows: list[Row] = []
        self._reading_rows = reading_rows()
        self._bytes = 0
        self._failed = False
        folder.mkdir(parents=True, exist_ok=True)

    def begin(self, at_s: float, header: Mapping[str, Any]) -> None:
        self.close()
        self._sweep(at_s)
        self._stream = self._new_segment(at_s)
        self._append(header_frame(header))
        sync_folder(self._folder)

    def write(self, fact: Fact) -> Fact:
        self._rows.append(to_row(fact, self._reading_rows))
        if len(self._rows) >= ROWS_BUFFERED_MAX:
            self.flush()
        return as_journaled(fact)

    def flush(self) -> None:
        if self._rows:
            self._append(rows_frame(self._rows))
            self._rows.clear()

    def is_full(self) -> bool:
        return self._bytes >= SEGMENT_BYTES_MAX

    def close(self) -> None:
        if self._stream is None:
            return
        if not self._failed:
            self.flush()
        self._rows.clear()
        self._stream.close()
        self._stream = None

    def abandon(self) -> None:
        """End as a killed process would: what waits in memory is lost, the disk stays as it is."""
        self._rows.clear()
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _append(self, frame: bytes) -> None:
        assert self._stream is not None, "begin comes before write"
        self._failed = True  # until it is known to be on disk; what follows a torn frame is lost
        self._stream.write(frame)
        os.fsync(self._stream.fileno())
        self._failed = False
        self._bytes += len(frame)

    def _new_segment(self, at_s: float) -> FileIO:
        self._bytes, self._failed = 0, False
        number = 0
        while True:
            path = self._folder / f"{int(at_s):010d}-{number:04d}{SUFFIX}"
            try:
                return path.open("xb", buffering=0)
            except FileExistsError:
                number += 1

    def _sweep(self, at_s: float) -> None:
        """Drop the oldest segments beyond the size, and those older than the age."""
        kept_bytes = 0
        for path in reversed(segment_paths([self._folder])):
            found = path.stat()
            kept_bytes += found.st_size
            if kept_bytes > self._keep_bytes or at_s - found.st_mtime > self._keep_s:
                path.unlink()


def segment_paths(places: Sequence[Path]) -> list[Path]:
    """Segments of files and folders, oldest first within each folder."""
    found: list[Path] = []
    for place in places:
        found += sorted(place.glob(f"*{SUFFIX}")) if place.is_dir() else [place]
    return found


def cut_torn_tail(folder: Path) -> str | None:
    """Cut what a crash left half written at the newest segment's end; a sentence if there was."""
    paths = segment_paths([folder]) if folder.is_dir() else []
    if not paths:
        return None
    path = paths[-1]
    size, whole = path.stat().st_size, whole_bytes(path)
    if whole == size > 0:
        return None
    if whole == 0:
        path.unlink()
        return f"{path}: removed, a crash left no whole frame in it"
    with path.open("r+b") as stream:
        stream.truncate(whole)
    return f"{path}: cut a torn tail of {size - whole} bytes"
