"""Interactions on disk: parts, compaction by the hour, retention.

A part is numbered, and the next number is in the snapshot: after a crash, parts beyond the snapshot
are removed and written again from the bus, so no row is there twice or not at all.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from models.interactions import (
    HOUR_S,
    SCHEMA,
    current_files,
    hour_name,
    hour_of,
    write_rows,
)


class Parts:
    """The served files of one folder, written by one pipeline. ``run`` names the pipeline's life
    since its last snapshot was lost; other runs' files are left as they are."""

    def __init__(self, folder: Path, run: str, next_part: int) -> None:
        self._folder = folder
        self._run = run
        self.next_part = next_part
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.glob(f"served-*-part-{run}-*.parquet"):
            if int(path.stem.rpartition("-")[2]) >= next_part:
                path.unlink()
        for path in folder.glob(".*.staging"):
            path.unlink()

    def write(self, rows: pa.Table) -> int:
        """Write the rows as one part per hour of their draw; how many parts. Raise OSError."""
        if not len(rows):
            return 0
        hour = pc.floor(pc.divide(rows["at_s"], HOUR_S))
        starts = sorted(pc.unique(hour).to_pylist())
        for start in starts:
            name = f"served-{hour_name(start * HOUR_S)}-part-{self._run}-{self.next_part}.parquet"
            chosen = rows.filter(pc.equal(hour, start))
            write_rows(self._folder, name, chosen.sort_by([("at_s", "ascending")]))
        self.next_part += 1
        return len(starts)

    def compact(self, now_s: float, settled_s: float) -> int:
        """Merge each hour that ended ``settled_s`` ago into one file; how many hours.

        Only after a snapshot: the parts merged must be ones that are never written again. The new
        file names what it replaces, so a crash before the old ones are gone hides no row and
        doubles none.
        """
        files = current_files(self._folder)
        self._remove_replaced(files)
        by_hour: dict[float, list[Path]] = {}
        for path in files:
            start_s = hour_of(path)
            if start_s is not None and start_s + HOUR_S + settled_s <= now_s:
                by_hour.setdefault(start_s, []).append(path)
        merged = {start_s: paths for start_s, paths in by_hour.items() if len(paths) > 1}
        for start_s, paths in sorted(merged.items()):
            self._merge(start_s, paths)
        return len(merged)

    def retain(self, now_s: float, retention_s: float) -> int:
        """Remove hours that ended longer ago; how many files. History is its owner's."""
        removed = 0
        for path in self._folder.glob("served-*.parquet"):
            start_s = hour_of(path)
            if start_s is not None and start_s + HOUR_S + retention_s < now_s:
                path.unlink(missing_ok=True)
                removed += 1
        return removed

    def _merge(self, start_s: float, paths: list[Path]) -> None:
        rows = pa.concat_tables([pq.read_table(path, schema=SCHEMA) for path in paths])
        written = [path.name for path in paths]
        # Unique: merging this hour again takes a new part of it, which has a higher number.
        name = f"served-{hour_name(start_s)}-hour-{self._run}-{self.next_part}.parquet"
        write_rows(self._folder, name, rows.sort_by([("at_s", "ascending")]), replaces=written)
        for path in paths:
            path.unlink(missing_ok=True)

    def _remove_replaced(self, current: list[Path]) -> None:
        """What an interrupted compaction left behind."""
        for path in set(self._folder.glob("served-*.parquet")) - set(current):
            path.unlink(missing_ok=True)
