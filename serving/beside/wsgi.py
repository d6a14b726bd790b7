"""WSGI middleware, for Flask, Django and the like."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from typing import Any

from controller.errors import BadInput
from serving.beside.attached import Attached
from serving.beside.http_frame import HttpFrame
from serving.feedback_token import BadToken
from serving.http_answer import TooLarge, refusal_of, take_feedback
from serving.requests import LARGEST_BODY_BYTES

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
WsgiApp = Callable[[Environ, StartResponse], Iterable[bytes]]


class SelfrightWSGI:
    """``app.wsgi_app = SelfrightWSGI(app.wsgi_app, attach("selfright.yaml"))``.

    A request's latency runs from here to the last byte. ``feedback_path`` is answered here: a POST
    of `serving.requests.FeedbackRequest`; empty: no such path.
    """

    def __init__(
        self, app: WsgiApp, selfright: Attached, feedback_path: str = "/selfright/feedback"
    ) -> None:
        self._app = app
        self._selfright = selfright
        self._feedback_path = feedback_path

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if self._feedback_path and environ.get("PATH_INFO") == self._feedback_path:
            return self._take_feedback(environ, start_response)
        frame = HttpFrame()

        def watched(status: str, headers: Any, *error: Any) -> Any:
            frame.status = int(status.split(" ", 1)[0])
            return start_response(status, headers, *error)

        frame.enter()
        try:
            body = self._app(environ, watched)
        except BaseException as error:
            frame.end(error)
            raise
        finally:
            frame.leave()
        return _Body(body, frame) if frame.is_used else body

    def _take_feedback(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        try:
            if environ["REQUEST_METHOD"] != "POST":
                said = f"{environ['REQUEST_METHOD']} is not accepted; use POST"
                raise BadInput(said, field="method")
            answer = take_feedback(self._selfright.feedback, _read_body(environ))
        except (BadToken, BadInput) as error:
            answer = refusal_of(error)
        status, kind, body = answer
        headers = [("Content-Type", kind.decode()), ("Content-Length", str(len(body)))]
        start_response(f"{status} {HTTPStatus(status).phrase}", headers)
        return [body]


class _Body:
    """A response on its way: what was drawn for it ends with it."""

    def __init__(self, body: Iterable[bytes], frame: HttpFrame) -> None:
        self._body = body
        self._frame = frame

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._body
        except Exception as error:
            self._frame.end(error)
            raise

    def close(self) -> None:
        """Servers call it after the last byte, and where the client left before."""
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        finally:
            self._frame.end()


def _read_body(environ: Environ) -> bytes:
    """Raise TooLarge for one over the limit, BadInput for one of no stated length."""
    text = environ.get("CONTENT_LENGTH") or ""
    if not text.isdigit():
        raise BadInput("needs a Content-Length", field="body")
    if int(text) > LARGEST_BODY_BYTES:
        raise TooLarge
    body: bytes = environ["wsgi.input"].read(int(text))
    return body
