"""Files that are either the old content or the new, whatever happens in between."""

from __future__ import annotations

import os
from pathlib import Path


def write_atomically(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Replace ``path`` whole. ``durable``: on disk when this returns. Raise OSError."""
    fresh = path.with_name(path.name + ".new")
    try:
        stream = fresh.open("wb")
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = fresh.open("wb")
    with stream:
        stream.write(content)
        if durable:
            stream.flush()
            os.fsync(stream.fileno())
    fresh.replace(path)


def sync_folder(folder: Path) -> None:
    """Make a rename in it, or a new name, durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
