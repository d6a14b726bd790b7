"""Free ports on loopback, so that two stacks can live on one machine."""

from __future__ import annotations

import random
import socket


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """One the system picks; nobody holds it until it is used."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def free_block(size: int, probed: int = 8) -> int:
    """The first port of a block below the ephemeral range whose first ports are free."""
    for _ in range(200):
        start = random.randrange(10_000, 32_000 - size, size)
        if all(is_free(port) for port in range(start, start + probed)):
            return start
    raise OSError("no block of free ports between 10000 and 32000")
