"""An arm behind a URL: whatever its server does, the router's user gets a valid slate."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from controller.core.plan import ArmPlan
from controller.settings import Arm, Settings
from examples import remote_arm
from serving.arm_call import ArmQuery, slate_fault
from serving.http_arms import (
    LARGEST_ANSWER_BYTES,
    HttpArms,
    NotASlate,
    answer_from,
    arm_urls,
)
from serving.routing.identity import hash_user
from tests.serving.router_rig import KEY, Arms, Rig, good

ASK = {"user_id": "u1", "k": 5}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def answering(body: object, status: int = 200, **headers: str) -> Handler:
    async def handle(_: web.Request) -> web.Response:
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(text=text, status=status, headers=headers)

    return handle


def slate(*items: str, **more: object) -> dict[str, object]:
    return {"items": [{"item_id": item, "score": 1.0} for item in items], **more}


@asynccontextmanager
async def served(handler: Handler) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/arm", handler)
    runner = web.AppRunner(app, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    try:
        yield f"http://{host}:{port}/arm"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def rig_with(trained: Path, url: str) -> AsyncIterator[Rig]:
    arms = HttpArms({"primary": url}, Arms({"other": good}))
    try:
        yield Rig(trained, good, arms=arms)
    finally:
        await arms.close()


def patient(rig: Rig) -> None:
    """So that a slow machine is not mistaken for a slow arm."""
    arms = {"primary": ArmPlan("latest", 1.0, 5_000.0), "fallback": ArmPlan("latest", 0.0)}
    rig.publish(arms=arms, request_deadline_ms=10_000.0)


def test_the_example_answers_behind_the_router(trained_dir: Path) -> None:
    async def scenario() -> None:
        config = uvicorn.Config(remote_arm.app, log_level="warning", lifespan="off")
        server = uvicorn.Server(config)
        listening = socket.create_server(("127.0.0.1", 0))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/recommend"
        async with rig_with(trained_dir, url) as rig:
            patient(rig)
            answer = (await rig.post("/recommend", ASK)).json
            (row,) = rig.rows()
        server.should_exit = True
        await serving
        first = hash_user(KEY, "u1") % 100
        assert [item["item_id"] for item in answer["items"]] == [
            f"song-{(first + place) % 100}" for place in range(5)
        ]
        assert (answer["served_by"], answer["model_version"]) == ("primary", "7")
        assert row["attempts"][0]["result"] == "ok"
        assert row["inputs"] == [{"feature": "first", "value": float(first)}]
        assert row["cpu_ms"] is None, "nobody measured it here"

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("handler", "reason"),
    [
        (answering("not json"), "NotASlate"),
        (answering([]), "NotASlate"),
        (answering({"items": ["a"]}), "NotASlate"),
        (answering({"items": [{"item_id": "a", "score": "much"}]}), "NotASlate"),
        (answering('{"items": [{"item_id": "a", "score": NaN}]}'), "NotASlate"),
        (answering(slate(*(str(i) for i in range(500)))), "NotASlate"),
        (answering(slate("a") | {"x": "y" * LARGEST_ANSWER_BYTES}), "NotASlate"),
        (answering(slate()), "empty slate"),
        (answering(slate("a", "a")), "an item twice"),
        (answering(slate("a", "b", "c", "d", "e", "f")), "slate and scores do not fit"),
        (answering(slate("a"), status=500), "RefusedByArm"),
        (answering(slate("a"), status=302, location="/elsewhere"), "RefusedByArm"),
    ],
)
def test_an_answer_that_is_no_slate_is_the_arms_error_and_the_users_fallback(
    trained_dir: Path, handler: Handler, reason: str
) -> None:
    async def scenario() -> None:
        async with served(handler) as url, rig_with(trained_dir, url) as rig:
            patient(rig)
            answer = await rig.post("/recommend", ASK)
            assert (answer.status, answer.json["served_by"]) == (200, "fallback")
            (row,) = rig.rows()
            first = row["attempts"][0]
            assert (first["arm"], first["result"], first["reason"]) == ("primary", "error", reason)

    asyncio.run(scenario())


def test_a_port_nobody_listens_on_is_an_error_of_the_attempt(trained_dir: Path) -> None:
    async def scenario() -> None:
        async with rig_with(trained_dir, "http://127.0.0.1:1/arm") as rig:
            patient(rig)
            answer = await rig.post("/recommend", ASK)
            assert (answer.status, answer.json["served_by"]) == (200, "fallback")
            (row,) = rig.rows()
            assert row["attempts"][0]["result"] == "error"
            assert "Connect" in row["attempts"][0]["reason"]

    asyncio.run(scenario())


def test_a_slow_server_is_late_and_learns_that_nobody_waits(trained_dir: Path) -> None:
    async def scenario() -> None:
        told = asyncio.Event()

        async def hang(_: web.Request) -> web.Response:
            try:
                await asyncio.sleep(30.0)
            except asyncio.CancelledError:
                told.set()
                raise
            return web.Response()

        async with served(hang) as url, rig_with(trained_dir, url) as rig:
            answer = await rig.post("/recommend", ASK)
            assert (answer.status, answer.json["served_by"]) == (200, "fallback")
            (row,) = rig.rows()
            assert (row["attempts"][0]["result"], row["attempts"][0]["reason"]) == (
                "late",
                "deadline",
            )
            await asyncio.wait_for(told.wait(), 20.0)

    asyncio.run(scenario())


def test_requests_after_each_other_share_a_connection() -> None:
    async def scenario() -> None:
        peers = set()

        async def handle(request: web.Request) -> web.Response:
            assert request.transport is not None
            peers.add(request.transport.get_extra_info("peername"))
            return web.json_response(slate("a"))

        async with served(handle) as url:
            arms = HttpArms({"primary": url}, Arms())
            for _ in range(5):
                await arms.call("primary", ArmQuery(bytes(16), 7, 5, False))
            await arms.close()
        assert len(peers) == 1

    asyncio.run(scenario())


def test_an_arm_without_a_url_is_asked_as_ever() -> None:
    async def scenario() -> None:
        arms = HttpArms({}, Arms({"primary": good}))
        assert (await arms.call("primary", ArmQuery(bytes(16), 7, 5, False))).version == "v1"
        with pytest.raises(KeyError):
            arms.call("nobody", ArmQuery(bytes(16), 7, 5, False))
        await arms.close()

    asyncio.run(scenario())


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["items", "item_id", "score", "inputs"]), inner, max_size=3
        )
    ),
    max_leaves=10,
)


@given(JSON.map(lambda found: json.dumps(found).encode()) | st.binary(max_size=40))
def test_any_bytes_are_an_answer_or_no_slate(body: bytes) -> None:
    query = ArmQuery(bytes(16), 7, 5, True)
    try:
        answer = answer_from(body, query)
    except NotASlate:
        return
    assert slate_fault(answer, 5) in (
        None, "empty slate", "an item twice", "slate and scores do not fit",
    )  # fmt: skip


@pytest.mark.parametrize(
    "arm",
    [
        {"url": "127.0.0.1:80"},
        {"url": "http://user:password@host/x"},
        {"url": "ftp://host/x"},
        {"url": "http://host/x", "in_process": True},
    ],
)
def test_settings_refuse_an_address_that_is_none(arm: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="accepted"):
        Arm(**arm)


def test_the_last_resort_is_never_elsewhere() -> None:
    arms = {"primary": Arm(share=1.0, url="http://h/x"), "fallback": Arm()}
    assert arm_urls(Settings(arms=arms)) == {"primary": "http://h/x"}
    with pytest.raises(ValidationError, match="the last resort"):
        Settings(arms={"primary": Arm(share=1.0), "fallback": Arm(url="http://h/x")})
