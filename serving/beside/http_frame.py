"""What a middleware and the code inside it share: which drawn requests one HTTP request made."""

from __future__ import annotations

import time
from contextvars import ContextVar, Token
from http import HTTPStatus

from serving.beside.drawn_request import DrawnRequest


class HttpFrame:
    """From the arrival of an HTTP request until its last byte. Entering and ending never raise."""

    def __init__(self) -> None:
        self.began_s = time.monotonic()
        self.status = 0
        """Of the answer; 0 until there is one."""
        self._drawn: list[DrawnRequest] = []
        self.is_over = False
        self._token: Token[HttpFrame | None] | None = None

    @property
    def is_used(self) -> bool:
        return bool(self._drawn)

    def enter(self) -> None:
        self._token = _CURRENT.set(self)

    def leave(self) -> None:
        """The code inside has returned; what it drew is still to be ended."""
        if self._token is not None:
            _CURRENT.reset(self._token)
            self._token = None

    def own(self, request: DrawnRequest) -> None:
        request.is_owned = True
        self._drawn.append(request)

    def end(self, error: BaseException | None = None) -> None:
        """Write what is not written yet. An error, or a status from 500 on, gave no slate."""
        self.is_over = True
        reason = type(error).__name__ if error is not None else ""
        if not reason and self.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            reason = f"status {self.status}"
        for request in self._drawn:
            request.finish(reason=reason)


_CURRENT: ContextVar[HttpFrame | None] = ContextVar("selfright_http_frame", default=None)


def current_frame() -> HttpFrame | None:
    """None outside, and in a task that outlives its HTTP request: that one ends nothing more."""
    frame = _CURRENT.get()
    return None if frame is None or frame.is_over else frame
