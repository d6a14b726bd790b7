"""The HTTP interface as one raw ASGI application; no framework is in the way of a request.

Parses, answers and maps errors to statuses; what a request means is the router's.
"""

from __future__ import annotations

import json
import time

from controller.errors import BadInput
from serving.feedback_token import BadToken
from serving.http_answer import (
    JSON,
    Answer,
    Receive,
    Scope,
    Send,
    read_body,
    refusal_of,
    refused,
    take_feedback,
    write_answer,
)
from serving.openapi import docs_page, openapi_document
from serving.requests import RecommendRequest, parse_body
from serving.router import Router, Slate

DEADLINE_HEADER = b"x-request-deadline-ms"
_METHODS = {
    "/recommend": "POST",
    "/feedback": "POST",
    "/health": "GET",
    "/openapi.json": "GET",
    "/docs": "GET",
}


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
            await write_answer(send, await self.answer(scope, receive))

    async def answer(self, scope: Scope, receive: Receive) -> Answer:
        """One HTTP request's."""
        arrived_s = time.monotonic()
        path = scope["path"].rstrip("/") or "/"
        method = _METHODS.get(path)
        if method is None:
            return refused(404, f"{path}: no such path; there are {', '.join(_METHODS)}")
        if scope["method"] != method:
            return refused(405, f"{path}: {scope['method']} is not accepted; use {method}")
        if path == "/docs":
            return 200, b"text/html; charset=utf-8", self._docs
        if path == "/openapi.json":
            return 200, JSON, self._openapi
        if path == "/health":
            return self._health()
        try:
            body = await read_body(scope, receive)
            if path == "/feedback":
                return take_feedback(self._router.feedback, body)
            request = parse_body(RecommendRequest, body)
            slate = await self._router.recommend(request, arrived_s, _deadline(scope))
        except (BadToken, BadInput) as error:
            if path == "/recommend":
                self._router.note_invalid(arrived_s)
            return refusal_of(error)
        return 200, JSON, slate_json(slate)

    def _health(self) -> Answer:
        plan = self._router.held_plan
        held = {"status": "ok", "plan_epoch": plan.epoch, "plan_revision": plan.revision}
        return 200, JSON, json.dumps(held).encode()


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


def _deadline(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == DEADLINE_HEADER:
            return bytes(value).decode("latin-1")
    return None


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return
