"""Old records of the decision log on disk: zstd-compressed JSON lines, numbered, never rewritten.

A file is there whole or not at all. ``zstdcat *.jsonl.zst`` gives the lines as they were sealed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from controller.adapters.record_hash import hash_of
from controller.atomic_file import sync_folder, write_atomically
from controller.errors import BadInput
from controller.ports import GENESIS

SUFFIX = ".jsonl.zst"
_CODEC = "zstd"


class LogArchive:
    """The files ``NNNNNN.jsonl.zst`` of one folder, which need not be there yet."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, records: Sequence[bytes]) -> None:
        """Keep these, oldest first; durable when this returns."""
        self._folder.mkdir(exist_ok=True)
        paths = archive_paths(self._folder)
        number = int(paths[-1].name[: -len(SUFFIX)]) + 1 if paths else 1
        path = self._folder / f"{number:06d}{SUFFIX}"
        packed = pa.BufferOutputStream()
        with pa.CompressedOutputStream(packed, _CODEC) as stream:
            stream.write(b"".join(record + b"\n" for record in records))
        write_atomically(path, packed.getvalue().to_pybytes())
        sync_folder(self._folder)
        sync_folder(self._folder.parent)

    def last_hash(self) -> str:
        """Of the newest record kept; GENESIS when there is none. Raise BadInput."""
        paths = archive_paths(self._folder)
        lines = _lines(paths[-1]) if paths else []
        return hash_of(lines[-1]) if lines else GENESIS


def archived_lines(folder: Path) -> list[bytes]:
    """Every archived line once, oldest file first. Raise BadInput when a file is damaged."""
    return list(dict.fromkeys(line for path in archive_paths(folder) for line in _lines(path)))


def archive_paths(folder: Path) -> list[Path]:
    """Oldest first."""
    return sorted(folder.glob(f"[0-9]*{SUFFIX}"))


def _lines(path: Path) -> list[bytes]:
    try:
        with pa.OSFile(str(path)) as file, pa.CompressedInputStream(file, _CODEC) as stream:
            content: bytes = stream.read()
    except (OSError, pa.ArrowException) as error:
        raise BadInput(f"is no archive of the decision log: {error}", file=str(path)) from None
    return content.splitlines()
