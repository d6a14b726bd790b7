"""The door, open in a thread of the controller. Whatever happens to it, the loop goes on."""

from __future__ import annotations

import json
import logging
import os
import re
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import uvicorn

from controller.atomic_file import write_atomically
from controller.errors import BadInput
from controller.operator_door.application import Ways, application
from controller.settings import OPERATOR_TOKEN_ENV

LOG = logging.getLogger(__name__)
FILE = Path("run") / "operator.json"
CLOSE_CAP_S = 3.0
CONNECTIONS_MAX = 32
HEADER_BYTES_MAX = 16_384
KEEP_ALIVE_S = 5
_TOKEN = re.compile(r"[\x21-\x7e]{16,256}")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def check_token(token: str, field: str = OPERATOR_TOKEN_ENV) -> None:
    """Raise BadInput for one that is easy to guess, or that no header can carry."""
    if not _TOKEN.fullmatch(token):
        raise BadInput(
            "no token for the operator door; accepted: 16 to 256 visible ASCII characters",
            field=field,
        )


class OpenDoor:
    """Listens from the moment it is made. ``say_up`` is told True, and False when it has ended.

    Raise BadInput when the address cannot be had.
    """

    def __init__(
        self,
        ways: Ways,
        token: str,
        host: str,
        port: int,
        say_up: Callable[[bool], None],
        plan_token: str = "",
    ) -> None:
        self._ways = ways
        self._say_up = say_up
        self._socket = _listening(host, port)
        self.address: tuple[str, int] = self._socket.getsockname()[:2]
        self._server = uvicorn.Server(
            uvicorn.Config(
                application(ways, token, plan_token),
                log_config=None,
                log_level="warning",
                access_log=False,
                server_header=False,
                lifespan="off",
                http="h11",
                ws="none",
                loop="asyncio",
                limit_concurrency=CONNECTIONS_MAX,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=1,
                h11_max_incomplete_event_size=HEADER_BYTES_MAX,
            )
        )
        self._file = ways.data_dir / FILE
        self._write_file()
        self._thread = threading.Thread(target=self._serve, name="operator-door", daemon=True)
        self._thread.start()
        if host not in _LOOPBACK:
            LOG.warning("the operator door listens on %s: put TLS in front of it", host)
        LOG.info("the operator door is open at http://%s:%d/v1", *self.address)

    def close(self) -> None:
        """Answer nobody any more."""
        self._ways.stopping.set()
        self._server.should_exit = True
        self._thread.join(CLOSE_CAP_S)
        self._socket.close()
        self._file.unlink(missing_ok=True)

    def _serve(self) -> None:
        self._say_up(True)
        try:
            self._server.run(sockets=[self._socket])
        except BaseException as error:  # noqa: BLE001  (SystemExit too: the loop goes on)
            LOG.error("the operator door has failed and is shut: %r", error)
        else:
            if not self._ways.stopping.is_set():
                LOG.error("the operator door has ended by itself and is shut")
        finally:
            self._say_up(False)

    def _write_file(self) -> None:
        host, port = self.address
        document = {"host": host, "port": port, "pid": os.getpid()}
        write_atomically(self._file, json.dumps(document).encode())


def _listening(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise BadInput(
            f"{host}:{port} cannot be listened on ({error.strerror}); accepted: an address of "
            "this machine and a free port, or 0",
            field="endpoints.operator_port",
        ) from error
