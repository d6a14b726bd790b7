"""One process at a time on a data folder; the lock goes with the process, however it ends."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from controller.errors import BadInput


@contextmanager
def only_one(folder: Path, name: str, refusal: str) -> Iterator[None]:
    """Hold ``folder/run/NAME.lock``. Raise BadInput saying ``refusal`` while another holds it."""
    path = folder / "run" / f"{name}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BadInput(refusal, file=str(folder)) from None
        yield
