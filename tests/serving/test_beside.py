"""A service that is not ours: it draws as the router does, tells what it served, and never fails
for what the world does."""

from __future__ import annotations

import asyncio
import importlib
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.adapters.memory_bus import MemoryBus
from controller.core.plan import ArmPlan, Split, plan_to_document
from controller.errors import BadInput
from controller.operator_door.application import Ways
from controller.operator_door.open_door import OpenDoor
from controller.ports import PlanStore, Stored
from controller.settings import PLAN_TOKEN_ENV, TOKEN_KEY_ENV, Settings
from controller.telemetry.schema import OUTCOME, REPLICA, SERVED
from serving.beside.asgi import SelfrightASGI
from serving.beside.attached import attach
from serving.beside.wsgi import SelfrightWSGI
from serving.feedback_token import BadToken, sign, verify
from serving.plan_watch import PlanWatch
from serving.routing.draw import draw
from serving.routing.identity import hash_user
from tests.serving.beside_rig import KEY, PATIENT_MS, Beside, ask_asgi, ask_wsgi, rows_on
from tests.serving.test_telemetry_buffer import eventually

GONE = {"fallback": ArmPlan("v", 1.0), "primary": ArmPlan("v", 0.0, PATIENT_MS)}


@pytest.fixture
def beside(tmp_path: Path) -> Beside:
    return Beside(tmp_path)


@pytest.mark.parametrize("module", ["asgi", "wsgi", "attached"])
def test_attaching_takes_no_ray(module: str) -> None:
    code = f"import sys, serving.beside.{module}; sys.exit('ray' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
    without = f"import sys; sys.modules['ray'] = None; import serving.beside.{module}"
    subprocess.run([sys.executable, "-c", without], check=True)


@given(
    user=st.text(min_size=1, max_size=20),
    share=st.floats(0.0, 1.0),
    control=st.floats(0.0, 1.0),
    salt=st.integers(0, 2**64 - 1),
    platform=st.sampled_from([{}, {"platform": "ios"}, {"platform": "web"}]),
)
def test_a_user_gets_the_arm_the_router_would_draw(
    tmp_path_factory: pytest.TempPathFactory,
    user: str,
    share: float,
    control: float,
    salt: int,
    platform: dict[str, str],
) -> None:
    beside = Beside(tmp_path_factory.getbasetemp())
    plan = beside.publish(
        arms={"primary": ArmPlan("v", share), "fallback": ArmPlan("v", 1.0 - share)},
        splits=(Split({"platform": "ios"}, {"fallback": 1.0}),),
        control_share=control,
        unit="user",
        salt=salt,
    )
    ask = beside.attached.request(user, segments=platform)
    expected = draw(plan, hash_user(KEY, user), platform)
    assert ask.arm == expected.arm
    assert ask.drawn == expected
    beside.attached.close()


def test_what_was_served_is_one_row_without_the_name_of_the_user(beside: Beside) -> None:
    plan = beside.publish()
    ask = beside.attached.request("ada lovelace", segments={"platform": "ios"}, place="home")
    ask.served(["a", "b"], scores=[0.9, 0.4], model_version="7")
    (row,) = beside.rows()
    assert row["arm"] == row["served_by"] == "primary"
    assert [item["item_id"] for item in row["slate"]] == ["a", "b"]
    assert (row["role"], row["outcome"], row["plan_revision"]) == ("user", "ok", plan.revision)
    assert row["user_id"] == hash_user(KEY, "ada lovelace")
    assert row["segment.platform"] == "ios"
    assert row["product_feature_id"] == "home"
    assert row["top_score"] == pytest.approx(0.9)
    (attempt,) = row["attempts"]
    assert (attempt["arm"], attempt["model_version"], attempt["result"]) == ("primary", "7", "ok")
    messages = beside.bus.reader([("selfright.served", 0)]).poll(0.0, 10)
    assert all(b"ada" not in message.value for message in messages)


def test_what_nobody_measured_is_missing_and_not_zero(beside: Beside) -> None:
    beside.attached.request("ada").served(["a", "b"])
    (row,) = beside.rows()
    measured = ("top_score", "margin", "entropy", "cpu_ms", "memory_mb_s", "inputs")
    assert [row[name] for name in measured] == [None] * len(measured)


def test_a_plan_that_takes_all_from_an_arm_is_obeyed_by_the_next_request(beside: Beside) -> None:
    assert beside.attached.request("ada").arm == "primary"
    beside.publish(arms=GONE)
    assert {beside.attached.request(f"u{i}").arm for i in range(50)} == {"fallback"}


def test_a_person_moves_the_traffic_by_a_file_beside_the_service(
    beside: Beside, tmp_path: Path
) -> None:
    document = {"shares": {"fallback": 1.0}, "who": "ann", "expires_at_s": 4e9}
    (tmp_path / "override.json").write_text(json.dumps(document))
    beside.attached.start()
    eventually(lambda: beside.attached.request("ada").arm == "fallback")
    beside.attached.close()


def test_a_request_the_plan_sheds_is_the_fallbacks_and_charged_to_nobody(beside: Beside) -> None:
    beside.publish(shed_share=1.0)
    ask = beside.attached.request("ada")
    assert ask.arm == "fallback"
    ask.served(["a"])
    (row,) = beside.rows()
    assert (row["outcome"], row["arm"], row["served_by"]) == ("shed", None, "fallback")


@pytest.mark.parametrize(
    ("items", "reason"), [([], "empty slate"), (["a", "a"], "an item twice"), (["a"] * 101, "")]
)
def test_a_bad_slate_is_an_error_of_the_arm(beside: Beside, items: list[str], reason: str) -> None:
    beside.attached.request("ada").served(items)
    (row,) = beside.rows()
    assert row["outcome"] == "error"
    assert row["attempts"][0]["result"] == "error"
    assert reason in row["attempts"][0]["reason"]


def test_another_arm_that_answers_leaves_a_bad_attempt_of_the_one_drawn(beside: Beside) -> None:
    told = beside.attached.request("ada", k=3)
    with told:
        told.failed("timeout")
        told.served(["a"], arm="fallback", model_version="p")
    beside.attached.request("bo").served(["a"], arm="fallback")
    told_row, untold_row = beside.rows()
    for row, reason in ((told_row, "timeout"), (untold_row, "fallback answered")):
        assert (row["arm"], row["served_by"], row["outcome"]) == ("primary", "fallback", "ok")
        first, second = row["attempts"]
        assert (first["arm"], first["result"], first["reason"]) == ("primary", "error", reason)
        assert (second["arm"], second["result"]) == ("fallback", "ok")


def test_an_answer_after_the_arms_deadline_is_a_late_attempt(beside: Beside) -> None:
    beside.publish(arms={"primary": ArmPlan("v", 1.0, deadline_ms=1.0)})
    ask = beside.attached.request("ada")
    time.sleep(0.01)
    ask.served(["a"])
    (row,) = beside.rows()
    assert row["attempts"][0]["result"] == "late"
    assert row["served_by"] == "primary"


def test_a_request_that_raises_or_tells_nothing_got_no_slate(beside: Beside) -> None:
    with pytest.raises(KeyError), beside.attached.request("ada"):
        raise KeyError("a defect of the service")
    with beside.attached.request("bo"):
        pass
    reasons = [row["attempts"][0]["reason"] for row in beside.rows()]
    assert reasons == ["KeyError", "no slate was told"]
    assert {row["outcome"] for row in beside.rows()} == {"error"}


def test_a_segment_nobody_named_costs_the_user_nothing(
    beside: Beside, caplog: pytest.LogCaptureFixture
) -> None:
    for platform in ("amiga", "atari"):
        beside.attached.request("ada", segments={"platform": platform}).served(["a"])
    assert [row.get("segment.platform") for row in beside.rows()] == [None, None]
    assert caplog.text.count("left out of telemetry") == 1


TEXT = st.text(st.characters(codec=None, categories=None), max_size=8) | st.just("\ud800")
ANYTHING = TEXT | st.none() | st.floats() | st.integers() | st.binary(max_size=3)


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Beside:
    return Beside(tmp_path_factory.mktemp("lasting"))


@given(
    user=TEXT | st.integers(),
    items=st.lists(ANYTHING, max_size=4) | ANYTHING,
    scores=st.lists(ANYTHING, max_size=4) | ANYTHING,
    version=ANYTHING,
    inputs=st.dictionaries(TEXT, ANYTHING, max_size=2) | ANYTHING,
    arm=TEXT,
    segments=st.dictionaries(TEXT | st.just("platform"), ANYTHING, max_size=2),
)
def test_whatever_a_model_returns_costs_the_user_nothing_and_is_a_row(
    lasting: Beside, user: Any, items: Any, scores: Any, version: Any, inputs: Any, arm: str,
    segments: Any,
) -> None:  # fmt: skip
    before = len(lasting.rows())
    with lasting.attached.request(user, segments=segments, place=arm, session_id=arm) as ask:
        ask.failed(arm)
        ask.served(items, scores=scores, model_version=version, inputs=inputs, arm=arm)
    assert len(lasting.rows()) == before + 1, "it was encoded and sent"


def test_a_task_that_outlives_its_http_request_tells_by_itself(beside: Beside) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        later.append(asyncio.create_task(after()))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def after() -> None:
        await over.wait()
        beside.attached.request("ada").served(["a"])

    async def ignore(*_: Any) -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def scenario() -> None:
        await SelfrightASGI(app, beside.attached)({"type": "http", "path": "/"}, ignore, ignore)
        over.set()
        await later[0]

    later: list[asyncio.Task[None]] = []
    over = asyncio.Event()
    asyncio.run(scenario())
    (row,) = beside.rows()
    assert row["outcome"] == "ok"


# --- middleware -------------------------------------------------------------------------------


def asgi_of(beside: Beside, handler: Callable[[str], tuple[int, object]]) -> Callable[..., Any]:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        status, said = handler(scope["query_string"].decode())
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": json.dumps(said).encode()})

    wrapped = SelfrightASGI(app, beside.attached)
    return lambda *request, **more: ask_asgi(wrapped, *request, **more)


def wsgi_of(beside: Beside, handler: Callable[[str], tuple[int, object]]) -> Callable[..., Any]:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        status, said = handler(environ["QUERY_STRING"])
        start_response(f"{status} said", [])
        return [json.dumps(said).encode()]

    wrapped = SelfrightWSGI(app, beside.attached)
    return lambda *request, **more: ask_wsgi(wrapped, *request, **more)


both = pytest.mark.parametrize("framework", [asgi_of, wsgi_of])


@both
def test_inside_a_middleware_the_row_is_written_when_the_answer_is(
    beside: Beside, framework: Any
) -> None:
    def handler(user: str) -> tuple[int, object]:
        ask = beside.attached.request(user)
        token = ask.served(["a", "b"])
        assert len(beside.attached._living().in_flight) == 1, "not ended by `served`"
        return 200, {"token": token}

    ask = framework(beside, handler)
    token = ask("GET", "/", "ada").json["token"]
    assert verify(KEY, token, time.time()).slate_length == 2
    assert len(beside.attached._living().in_flight) == 0
    (row,) = beside.rows()
    assert (row["outcome"], row["served_by"]) == ("ok", "primary")


@both
def test_an_answer_of_500_gave_no_slate_whatever_was_told(beside: Beside, framework: Any) -> None:
    def handler(user: str) -> tuple[int, object]:
        beside.attached.request(user).served(["a"])
        return 503, {}

    assert framework(beside, handler)("GET", "/", "ada").status == 503
    (row,) = beside.rows()
    assert (row["outcome"], row["served_by"]) == ("error", None)


@both
def test_what_the_service_raises_is_its_own_and_a_row(beside: Beside, framework: Any) -> None:
    def handler(user: str) -> tuple[int, object]:
        beside.attached.request(user)
        raise LookupError("a defect of the service")

    with pytest.raises(LookupError):
        framework(beside, handler)("GET", "/", "ada")
    (row,) = beside.rows()
    assert row["attempts"][0]["reason"] == "LookupError"


@both
def test_a_path_that_draws_nothing_is_no_row(beside: Beside, framework: Any) -> None:
    assert framework(beside, lambda _: (200, "fine"))("GET", "/health").json == "fine"
    assert beside.rows() == []


@both
def test_feedback_is_taken_under_the_labels_of_its_token_and_no_other(
    beside: Beside, framework: Any
) -> None:
    ask = framework(beside, lambda _: (200, "unused"))
    token = beside.attached.request("ada", segments={"platform": "web"}).served(["a", "b"])
    forged = sign(b"another key of 16 characters", verify(KEY, token, time.time()))

    def post(body: object) -> int:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        status: int = ask("POST", "/selfright/feedback", body=raw).status
        return status

    assert post({"token": token, "clicked_positions": [1]}) == 202
    assert post({"token": token, "clicked_positions": [7]}) == 422
    assert post({"token": forged, "clicked_positions": [1]}) == 401
    assert post(b"no json") == 400
    assert post(b" " * 70_000) == 413
    assert ask("GET", "/selfright/feedback").status == 422
    (row,) = beside.rows(OUTCOME)
    assert (row["arm"], row["clicked_positions"], row["kind"]) == ("primary", [1], "click")
    assert row["segment.platform"] == "web"


def test_an_outcome_may_be_told_in_code(beside: Beside) -> None:
    token = beside.attached.request("ada").served(["a", "b"])
    beside.attached.outcome(token, viewed_positions=[0], kind="dwell", value=3.5)
    with pytest.raises(BadToken):
        beside.attached.outcome("not a token")
    with pytest.raises(BadInput, match="kind"):
        beside.attached.outcome(token, kind="smile")
    (row,) = beside.rows(OUTCOME)
    assert (row["kind"], row["value"], row["viewed_positions"]) == ("dwell", 3.5, [0])


# --- a world that is not there ----------------------------------------------------------------


def test_without_broker_rows_are_bounded_and_the_lost_ones_counted(tmp_path: Path) -> None:
    beside = Beside(tmp_path, most_rows_held=20)
    beside.bus.down = True
    for i in range(100):
        beside.attached.request(f"u{i}").served(["a"])
    assert beside.attached.dropped_rows() >= 80 - 20, (
        "20 may be on their way while they are refused"
    )
    assert beside.attached._living().telemetry.waiting_rows() <= 40
    beside.bus.down = False
    assert 0 < len(beside.rows()) <= 40


def test_each_second_the_process_says_what_it_holds(beside: Beside) -> None:
    plan = beside.publish()
    beside.attached.request("ada").served(["a"])
    eventually(lambda: bool(rows_on(beside.bus, REPLICA)))
    row = beside.rows(REPLICA)[0]
    assert (row["kind"], row["plan_revision"]) == ("router", plan.revision)
    assert row["telemetry_dropped"] == 0


def test_a_forked_worker_follows_and_tells_by_itself() -> None:
    code = """
import os, sys, tempfile
from pathlib import Path
from tests.serving.beside_rig import Beside
beside = Beside(Path(tempfile.mkdtemp()))
beside.attached.request("parent").served(["a"])
child = os.fork()
if child == 0:
    beside.attached.request("child").served(["a"])
    users = {row["user_id"] for row in beside.rows()}
    from tests.serving.beside_rig import KEY
    from serving.routing.identity import hash_user
    os._exit(0 if hash_user(KEY, "child") in users else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    root = Path(__file__).parent.parent.parent
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, cwd=root)


def test_settings_or_a_key_that_cannot_do_are_refused_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.yaml"
    path.write_text("version: 1\nendpoints: {redis: 'redis://127.0.0.1:1/0'}\n")
    monkeypatch.setenv(TOKEN_KEY_ENV, KEY.decode())
    with pytest.raises(BadInput, match=r"endpoints\.kafka"):
        attach(path)
    path.write_text("version: 1\nendpoints: {kafka: '127.0.0.1:1'}\n")
    with pytest.raises(BadInput, match=r"endpoints\.redis"):
        attach(path)
    path.write_text(
        "version: 1\nendpoints: {kafka: '127.0.0.1:1', plan_url: 'http://127.0.0.1:1'}\n"
    )
    monkeypatch.delenv(TOKEN_KEY_ENV)
    with pytest.raises(BadInput, match=TOKEN_KEY_ENV):
        attach(path)


class _Holding(PlanStore):
    """A store with one plan in it."""

    plan = b""

    def load(self) -> Stored:
        return Stored("h", self.plan, None, 1, 1)


def test_without_redis_the_plan_is_read_at_the_controllers_door(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, token = _Holding(), "a token that reads the plan"
    ways = Ways("recommender", tmp_path, MemoryBus().writer(), store)
    door = OpenDoor(ways, "a token for people", "127.0.0.1", 0, lambda _: None, token)
    monkeypatch.setenv(TOKEN_KEY_ENV, KEY.decode())
    monkeypatch.setenv(PLAN_TOKEN_ENV, token)
    path = tmp_path / "s.yaml"
    ends = f"kafka: '127.0.0.1:1', plan_url: 'http://127.0.0.1:{door.address[1]}'"
    path.write_text(f"version: 1\nendpoints: {{{ends}}}\n")
    try:
        held = PlanWatch(Settings()).table.held
        store.plan = json.dumps(plan_to_document(replace(held, epoch=1, arms=GONE))).encode()
        service = attach(path)
        assert service.watch.table.held.epoch == 1, "read before the first request"
        store.plan = json.dumps(plan_to_document(replace(held, epoch=2))).encode()
        service.start()
        eventually(lambda: service.watch.table.held.epoch == 2)
    finally:
        door.close()
    assert service.request("ada").arm in ("primary", "fallback")
    service.close()


# --- probes -----------------------------------------------------------------------------------


def test_an_arm_without_users_is_probed_with_copies_of_their_requests(tmp_path: Path) -> None:
    asked: list[tuple[str, str]] = []

    def answer(ask: Any) -> None:
        asked.append((ask.arm, ask.user_id))
        ask.served(["p"], model_version="7")

    beside = Beside(tmp_path, probe_with=answer)
    beside.publish(arms=GONE, probe_per_s={"primary": 1000.0})
    for i in range(5):
        answer(beside.attached.request(f"u{i}"))
        time.sleep(0.002)
    eventually(lambda: ("primary", "u4") in asked)
    eventually(lambda: not +beside.attached._living()._probing._under_way)  # type: ignore[union-attr]
    probes = [row for row in beside.rows() if row["role"] == "probe"]
    assert probes
    for row in probes:
        assert (row["arm"], row["served_by"], row["outcome"]) == ("primary", "primary", "ok")
        assert row["propensities"] == []


def test_a_probe_that_hangs_is_late_and_costs_few_threads(tmp_path: Path) -> None:
    hold = threading.Event()
    beside = Beside(tmp_path, probe_with=lambda _: hold.wait(30.0))
    gone = {"fallback": ArmPlan("v", 1.0), "primary": ArmPlan("v", 0.0, deadline_ms=5.0)}
    beside.publish(arms=gone, probe_per_s={"primary": 1000.0})
    for i in range(20):
        beside.attached.request(f"u{i}").served(["a"])
        time.sleep(0.002)
    probing = beside.attached._living()._probing
    assert probing is not None
    assert probing._under_way["primary"] == 4

    def told() -> Counter[tuple[str, str]]:
        rows = [row for row in rows_on(beside.bus, SERVED) if row["role"] == "probe"]
        return Counter((row["attempts"][0]["reason"], row["outcome"]) for row in rows)

    eventually(lambda: told()["deadline", "late"] == 4)
    hold.set()
    beside.attached.close()
    assert {reason for reason, _ in told()} <= {"deadline", "earlier probes hang"}


def test_a_probe_that_raises_is_bad(tmp_path: Path) -> None:
    def broken(_: Any) -> None:
        raise ZeroDivisionError

    beside = Beside(tmp_path, probe_with=broken)
    beside.publish(arms=GONE, probe_per_s={"primary": 1000.0})
    beside.attached.request("ada").served(["a"])
    time.sleep(0.002)
    beside.attached.request("bo").served(["a"])
    probing = beside.attached._living()._probing
    eventually(lambda: probing is not None and not +probing._under_way)
    (row, *_) = [row for row in beside.rows() if row["role"] == "probe"]
    assert (row["outcome"], row["attempts"][0]["reason"]) == ("error", "ZeroDivisionError")


# --- the examples, with nothing there at all --------------------------------------------------


@pytest.fixture
def nothing_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_KEY_ENV, KEY.decode())
    monkeypatch.setenv("SELFRIGHT_KAFKA", "127.0.0.1:1")
    monkeypatch.setenv("SELFRIGHT_REDIS", "redis://127.0.0.1:1/0")
    for name in ("fastapi_service", "wsgi_service", "emitter"):
        monkeypatch.delitem(sys.modules, f"examples.{name}", raising=False)


@pytest.mark.usefixtures("nothing_there")
@pytest.mark.parametrize(
    ("name", "ask", "path"),
    [("fastapi_service", ask_asgi, "/for-you"), ("wsgi_service", ask_wsgi, "/")],
)
def test_the_example_services_answer_though_redis_and_broker_are_gone(
    name: str, ask: Any, path: str
) -> None:
    example = importlib.import_module(f"examples.{name}")
    for _ in range(3):
        answer = ask(example.app, "GET", path, "user=ada")
        assert answer.status == 200
        assert sorted(answer.json["items"]) == ["song-1", "song-2", "song-3"]
    feedback = {"token": answer.json["token"], "clicked_positions": [0]}
    body = json.dumps(feedback).encode()
    assert ask(example.app, "POST", "/selfright/feedback", body=body).status == 202
    assert example.selfright._living().telemetry.waiting_rows() >= 4
    example.selfright.close()


@pytest.mark.usefixtures("nothing_there")
def test_the_example_emitter_falls_back_and_says_so() -> None:
    example = importlib.import_module("examples.emitter")
    assert example.recommend("ada")[0]
    assert example.recommend("new-bo")[0] == ["song-1", "song-2"]
    example.selfright.close()
