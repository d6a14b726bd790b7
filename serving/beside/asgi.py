"""ASGI middleware, for FastAPI, Starlette and the like."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from controller.errors import BadInput
from serving.beside.attached import Attached
from serving.beside.http_frame import HttpFrame
from serving.feedback_token import BadToken
from serving.http_answer import (
    Receive,
    Scope,
    Send,
    read_body,
    refusal_of,
    take_feedback,
    write_answer,
)

AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]


class SelfrightASGI:
    """``app.add_middleware(SelfrightASGI, selfright=attach("selfright.yaml"))``.

    A request's latency runs from here to the last byte. ``feedback_path`` is answered here: a POST
    of `serving.requests.FeedbackRequest`; empty: no such path.
    """

    def __init__(
        self, app: AsgiApp, selfright: Attached, feedback_path: str = "/selfright/feedback"
    ) -> None:
        self._app = app
        self._selfright = selfright
        self._feedback_path = feedback_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            self._selfright.start()
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif self._feedback_path and scope["path"] == self._feedback_path:
            await self._take_feedback(scope, receive, send)
        else:
            await self._framed(scope, receive, send)

    async def _framed(self, scope: Scope, receive: Receive, send: Send) -> None:
        frame = HttpFrame()

        async def watched(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                frame.status = message["status"]
            await send(message)

        frame.enter()
        try:
            await self._app(scope, receive, watched)
        except BaseException as error:
            frame.end(error)
            raise
        finally:
            frame.leave()
        frame.end()

    async def _take_feedback(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if scope["method"] != "POST":
                raise BadInput(f"{scope['method']} is not accepted; use POST", field="method")
            answer = take_feedback(self._selfright.feedback, await read_body(scope, receive))
        except (BadToken, BadInput) as error:
            answer = refusal_of(error)
        await write_answer(send, answer)
