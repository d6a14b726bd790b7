"""The door as an ASGI application: token, limits, routes, and one plain JSON error each.

    POST /v1/operator                {command_id?, verb, target, who, expires_in_s?}
    POST /v1/approvals/ID/approve    {who, command_id?, expires_in_s?}, and .../reject
    GET  /v1/approvals
    GET  /v1/status
    GET  /v1/plan                    the published plan as it is; 204: none yet

A command waits for its record: 200 with the record, 409 when the judge refused it, 504 when no
leader took it up in time. The same ``command_id`` sent again is answered by the same record.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from controller.errors import Unavailable, WorldError
from controller.operator_door.refusal import Reason, Refusal
from controller.operator_door.requests import BODY_BYTES_MAX, Asked, read_command, read_decision
from controller.operator_door.view import approvals, status
from controller.ports import BusWriter, PlanStore
from controller.shell.commanding import AnswerLog, Command, command_until_recorded

LOG = logging.getLogger(__name__)
BODY_TIMEOUT_S = 5.0
COMMANDS_AT_ONCE = 8
PLAN_PATH = "/v1/plan"
Handler = Callable[[Request], Awaitable[Response]]


@dataclass
class Ways:
    """How the door reaches the judge, and what it reads. ``stopping`` ends what still waits."""

    service: str
    data_dir: Path
    writer: BusWriter
    store: PlanStore
    stopping: threading.Event = field(default_factory=threading.Event)
    now_s: Callable[[], float] = time.time
    sleep_s: Callable[[float], object] | None = None

    def wait(self, seconds: float) -> None:
        """Between two looks for a record. Raise Unavailable when the door closes."""
        if self.sleep_s is not None:
            self.sleep_s(seconds)
        elif self.stopping.wait(seconds):
            raise Unavailable("the door is closing")


class Door:
    """The handlers."""

    def __init__(self, ways: Ways) -> None:
        self._ways = ways
        self._answers = AnswerLog(ways.store)
        self._waiting = 0

    def routes(self) -> list[Route]:
        return [
            Route("/v1/operator", self._operator, methods=["POST"]),
            Route("/v1/approvals/{id}/approve", self._deciding("approve"), methods=["POST"]),
            Route("/v1/approvals/{id}/reject", self._deciding("reject"), methods=["POST"]),
            Route("/v1/approvals", self._approvals, methods=["GET"]),
            Route("/v1/status", self._status, methods=["GET"]),
            Route(PLAN_PATH, self._plan, methods=["GET"]),
        ]

    async def _operator(self, request: Request) -> Response:
        return await self._command(read_command(await _body(request)))

    def _deciding(self, verb: Literal["approve", "reject"]) -> Handler:
        async def decide(request: Request) -> Response:
            body = await _body(request)
            return await self._command(read_decision(body, verb, request.path_params["id"]))

        return decide

    async def _approvals(self, _: Request) -> Response:
        return JSONResponse({"approvals": await run_in_threadpool(approvals, self._ways.store)})

    async def _status(self, _: Request) -> Response:
        ways = self._ways
        return JSONResponse(await run_in_threadpool(status, ways.store, ways.data_dir))

    async def _plan(self, _: Request) -> Response:
        stored = await run_in_threadpool(self._ways.store.load)
        if stored is None or stored.plan is None:
            return Response(status_code=204)
        return Response(stored.plan, media_type="application/json")

    async def _command(self, asked: Asked) -> Response:
        if self._waiting >= COMMANDS_AT_ONCE:
            accepted = f"{COMMANDS_AT_ONCE} commands at a time"
            raise Refusal(Reason(503, "too many commands wait for their record", "", accepted))
        self._waiting += 1
        try:
            record = await run_in_threadpool(self._until_recorded, asked)
        finally:
            self._waiting -= 1
        return JSONResponse(
            {
                "accepted": True,
                "command_id": asked.command.command_id,
                "sentence": record["sentence"],
                "record": record,
            }
        )

    def _until_recorded(self, asked: Asked) -> dict[str, Any]:
        ways, command = self._ways, asked.command
        named = {"command_id": command.command_id}
        try:
            record = command_until_recorded(
                command,
                ways.writer,
                self._answers,
                ways.service,
                asked.expires_in_s,
                ways.now_s,
                ways.wait,
            )
        except Unavailable as error:
            accepted = "the same command_id again: it is carried out once"
            raise Refusal(Reason(504, str(error), "", accepted, named)) from None
        details = record["details"]
        if any(details.get(name) != getattr(command, name) for name in ("who", "verb", "target")):
            what = f"command {command.command_id} was another one: {record['sentence']}"
            raise Refusal(Reason(409, what, "command_id", "a new one", named))
        if not details["accepted"]:
            more = {**named, "accepted": False, "record": record}
            raise Refusal(Reason(409, record["sentence"], _blamed(command), "", more))
        return record


def application(ways: Ways, token: str, plan_token: str = "") -> ASGIApp:
    """The whole door. ``token`` is what every request carries; with ``plan_token``, where there is
    one, a service reads the plan and nothing else."""
    inside = Starlette(
        routes=Door(ways).routes(),
        exception_handlers={
            Refusal: _refused,
            HTTPException: _not_routed,
            WorldError: _unavailable,
            Exception: _failed,
        },
    )
    inside.router.redirect_slashes = False
    return _Guarded(inside, token, plan_token)


class _Guarded:
    """Nobody without the token learns even which paths there are."""

    def __init__(self, inside: ASGIApp, token: str, plan_token: str) -> None:
        if not token:
            raise ValueError("a door without a token stands open")
        self._inside = inside
        self._expected = f"Bearer {token}".encode()
        self._of_readers = f"Bearer {plan_token}".encode() if plan_token else self._expected

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        said = [value for name, value in scope["headers"] if name == b"authorization"]
        if len(said) == 1 and self._opens(scope["path"], said[0]):
            await self._inside(scope, receive, send)
            return
        reason = Reason(
            401,
            "the token is missing or wrong",
            "Authorization",
            "Bearer and the controller's SELFRIGHT_OPERATOR_TOKEN",
            headers={"WWW-Authenticate": "Bearer"},
        )
        await _answer(reason)(scope, receive, send)

    def _opens(self, path: str, said: bytes) -> bool:
        if hmac.compare_digest(said, self._expected):
            return True
        return path == PLAN_PATH and hmac.compare_digest(said, self._of_readers)


async def _body(request: Request) -> bytes:
    """The whole of it, if it is small and comes soon. Raise Refusal."""
    found = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            async for part in request.stream():
                found += part
                if len(found) > BODY_BYTES_MAX:
                    accepted = f"at most {BODY_BYTES_MAX} bytes"
                    raise Refusal(Reason(413, "the body is too large", "", accepted))
    except TimeoutError:
        accepted = f"all of it within {BODY_TIMEOUT_S:g} s"
        raise Refusal(Reason(408, "the body did not come", "", accepted)) from None
    except ClientDisconnect:
        raise Refusal(Reason(400, "the body was cut off", "", "all of it")) from None
    return bytes(found)


def _blamed(command: Command) -> str:
    return "id" if command.verb in ("approve", "reject") else "target"


def _answer(reason: Reason) -> Response:
    return JSONResponse(reason.document(), reason.status, dict(reason.headers))


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return _answer(error.reason)


async def _not_routed(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    accepted = "POST /v1/operator, POST /v1/approvals/ID/approve or /reject, GET /v1/approvals, "
    reason = Reason(
        error.status_code,
        "no such method here" if error.status_code == 405 else "no such path",
        request.url.path[:200],
        accepted + "GET /v1/status, GET /v1/plan",
        headers=error.headers or {},
    )
    return _answer(reason)


async def _unavailable(_: Request, error: Exception) -> Response:
    return _answer(Reason(503, f"the plan store cannot be read: {error}", "", "again, later"))


async def _failed(_: Request, error: Exception) -> Response:
    LOG.error("the operator door failed on a request: %r", error)
    return _answer(Reason(500, "the door failed; the controller's log says how", "", ""))
