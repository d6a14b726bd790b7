"""Stands in for the haproxy binary: keeps its two side doors on loopback, then becomes haproxy.

Ray Serve writes a configuration that opens haproxy's metrics and stats on all interfaces and has
no setting for it. Run as a script by the file that `serving/ray_cluster.py` writes; standard
library only, because it runs on every reload of the proxy.
"""

from __future__ import annotations

import ctypes
import os
import re
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_OPEN_BIND = re.compile(r"^(\s*bind\s+)\*?(:\d+)", re.MULTILINE)


def on_loopback(configuration: str) -> str:
    """Every bind on all interfaces becomes one on loopback."""
    return _OPEN_BIND.sub(r"\g<1>127.0.0.1\g<2>", configuration)


def main(binary: str, arguments: list[str]) -> None:
    """Replace this process by haproxy; it dies with the process that started it."""
    if "-f" in arguments:
        path = Path(arguments[arguments.index("-f") + 1])
        closed = on_loopback(path.read_text())
        fresh = path.with_suffix(".loopback")
        fresh.write_text(closed)
        fresh.replace(path)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    os.execv(binary, [binary, *arguments])  # noqa: S606  (no shell is wanted)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
