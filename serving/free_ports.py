"""Free ports on loopback, so that two stacks can live on one machine.

They lie below the range the system gives out by itself: between choosing a port and using it Ray
opens dozens of such sockets, and one of them would sometimes be ours.
"""

from __future__ import annotations

import random
import socket

from controller.errors import Unavailable

_LOWEST, _HIGHEST = 10_000, 32_000
_TRIES = 200


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """One free port; nobody holds it until it is used."""
    return free_block(1)


def free_block(size: int) -> int:
    """The first port of ``size`` neighbours that are all free. Raise Unavailable."""
    for _ in range(_TRIES):
        start = random.randrange(_LOWEST, _HIGHEST - size)
        if all(is_free(port) for port in range(start, start + size)):
            return start
    raise Unavailable(f"no {size} free ports in a row between {_LOWEST} and {_HIGHEST}")
