"""The HTTP interface as one raw ASGI application; no framework is in the way of a request.

Parses, answers and maps errors to statuses; what a request means is the router's.
"""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from controller.errors import BadInput
from serving.feedback_token import BadToken
from serving.openapi import docs_page, openapi_document
from serving.requests import (
    LARGEST_BODY_BYTES,
    FeedbackRequest,
    NotJson,
    RecommendRequest,
    parse_body,
)
from serving.router import Router, Slate

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

DEADLINE_HEADER = b"x-request-deadline-ms"
_JSON = b"application/json"
_METHODS = {
    "/recommend": "POST",
    "/feedback": "POST",
    "/health": "GET",
    "/openapi.json": "GET",
    "/docs": "GET",
}


class _TooLarge(BadInput):
    """The body is over the limit."""


class Application:
    """ASGI. Errors of the client are one line of JSON: ``{"error": "…"}``."""

    def __init__(self, router: Router, service: str, segments: dict[str, tuple[str, ...]]) -> None:
        self._router = router
        document = openapi_document(service, segments)
        self._openapi = json.dumps(document).encode()
        self._docs = docs_page(document).encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            status, kind, body = await self.answer(scope, receive)
            headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    async def answer(self, scope: Scope, receive: Receive) -> tuple[int, bytes, bytes]:
        """Status, content type and body of one HTTP request."""
        arrived_s = time.monotonic()
        path = scope["path"].rstrip("/") or "/"
        method = _METHODS.get(path)
        if method is None:
            return _refused(404, f"{path}: no such path; there are {', '.join(_METHODS)}")
        if scope["method"] != method:
            return _refused(405, f"{path}: {scope['method']} is not accepted; use {method}")
        if path == "/docs":
            return 200, b"text/html; charset=utf-8", self._docs
        if path == "/openapi.json":
            return 200, _JSON, self._openapi
        if path == "/health":
            return self._health()
        try:
            body = await _read_body(scope, receive)
            if path == "/feedback":
                event_id = self._router.feedback.take(parse_body(FeedbackRequest, body))
                return 202, _JSON, json.dumps({"event_id": event_id}).encode()
            request = parse_body(RecommendRequest, body)
            slate = await self._router.recommend(request, arrived_s, _deadline(scope))
        except BadToken as error:
            return _refused(401, str(error))
        except BadInput as error:
            if path == "/recommend":
                self._router.note_invalid(arrived_s)
            return _refused(_status(error), str(error))
        return 200, _JSON, slate_json(slate)

    def _health(self) -> tuple[int, bytes, bytes]:
        plan = self._router.held_plan
        held = {"status": "ok", "plan_epoch": plan.epoch, "plan_revision": plan.revision}
        return 200, _JSON, json.dumps(held).encode()


def slate_json(slate: Slate) -> bytes:
    """`RecommendResponse` without a detour over pydantic: this is on every request's way."""
    answer = slate.answer
    return json.dumps(
        {
            "request_id": slate.request_id,
            "items": [
                {"item_id": item, "score": score}
                for item, score in zip(answer.item_ids, answer.scores, strict=True)
            ],
            "served_by": slate.served_by,
            "arm": slate.arm,
            "model_version": answer.version,
            "degraded": slate.degraded,
            "token": slate.token,
        },
        separators=(",", ":"),
    ).encode()


async def _read_body(scope: Scope, receive: Receive) -> bytes:
    """Raise _TooLarge as soon as the limit is passed, announced or not."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and int(value) > LARGEST_BODY_BYTES:
            raise _TooLarge(f"over {LARGEST_BODY_BYTES} bytes", field="body")
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BadInput("the client left before the end", field="body")
        body += message.get("body", b"")
        if len(body) > LARGEST_BODY_BYTES:
            raise _TooLarge(f"over {LARGEST_BODY_BYTES} bytes", field="body")
        if not message.get("more_body", False):
            return bytes(body)


def _deadline(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == DEADLINE_HEADER:
            return bytes(value).decode("latin-1")
    return None


def _status(error: BadInput) -> int:
    if isinstance(error, _TooLarge):
        return 413
    return 400 if isinstance(error, NotJson) else 422


def _refused(status: int, line: str) -> tuple[int, bytes, bytes]:
    return status, _JSON, json.dumps({"error": line}).encode()


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return
