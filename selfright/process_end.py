"""How the command ends when the world ends it: a signal, or an output that takes no more."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

TERMINATED = 128 + signal.SIGTERM
"""What shells report of a process that SIGTERM ended."""
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


@contextmanager
def ended_by_signal() -> Iterator[None]:
    """SIGTERM ends the block as Ctrl-C does, so that what runs is cleaned up, but with 143.

    A command that says itself what SIGTERM means (`up`) replaces this.
    """
    terminated = False

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal terminated
        del number, frame
        terminated = True
        if signal.getsignal(signal.SIGINT) in (signal.SIG_IGN, None):
            raise KeyboardInterrupt  # a shell starts what runs in the background deaf to Ctrl-C
        signal.raise_signal(signal.SIGINT)  # asyncio cancels what runs, and that heals

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    except (SystemExit, KeyboardInterrupt):
        if terminated:
            sys.exit(TERMINATED)
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def whole_output() -> Iterator[None]:
    """An answer that could not be written whole is one line and exit code 1, never a success."""
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        sys.stderr.write(f"selfright: not all could be written: {error.strerror}\n")
        _drop_rest()
        sys.exit(1)


def _drop_rest() -> None:
    """Or Python tries once more to write it at its end, and says so with a trace."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
