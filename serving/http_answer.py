"""What all HTTP interfaces here share: a bounded body, and one plain JSON line for a refusal."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from controller.errors import BadInput
from serving.feedback import Feedback
from serving.feedback_token import BadToken
from serving.requests import LARGEST_BODY_BYTES, FeedbackRequest, NotJson, parse_body

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Answer = tuple[int, bytes, bytes]
"""Status, content type, body."""

JSON = b"application/json"


class TooLarge(BadInput):
    """The body is over the limit."""

    def __init__(self) -> None:
        super().__init__(f"over {LARGEST_BODY_BYTES} bytes", field="body")


async def read_body(scope: Scope, receive: Receive) -> bytes:
    """Raise TooLarge as soon as the limit is passed, announced or not; BadInput if cut off."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and int(value) > LARGEST_BODY_BYTES:
            raise TooLarge
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BadInput("the client left before the end", field="body")
        body += message.get("body", b"")
        if len(body) > LARGEST_BODY_BYTES:
            raise TooLarge
        if not message.get("more_body", False):
            return bytes(body)


async def write_answer(send: Send, answer: Answer) -> None:
    status, kind, body = answer
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def take_feedback(feedback: Feedback, body: bytes) -> Answer:
    """202 with the event's id. Raise BadToken or BadInput."""
    event_id = feedback.take(parse_body(FeedbackRequest, body))
    return 202, JSON, json.dumps({"event_id": event_id}).encode()


def refusal_of(error: BadInput | BadToken) -> Answer:
    """The status that fits the error."""
    if isinstance(error, BadToken):
        return refused(401, str(error))
    if isinstance(error, TooLarge):
        return refused(413, str(error))
    return refused(400 if isinstance(error, NotJson) else 422, str(error))


def refused(status: int, line: str) -> Answer:
    return status, JSON, json.dumps({"error": line}).encode()
