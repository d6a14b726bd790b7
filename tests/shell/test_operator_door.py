"""The operator door: who may come in, what is refused and how, and that it leads to the judge."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.adapters.http_plan import HttpPlanChannel
from controller.core.commands import VERBS
from controller.core.playbook import Autonomy
from controller.errors import BadInput, Rejected, Unavailable
from controller.operator_door import application as door_application
from controller.operator_door.application import Ways, application
from controller.operator_door.open_door import FILE, OpenDoor, check_token
from controller.operator_door.requests import BODY_BYTES_MAX
from controller.ports import PlanStore, Stored
from controller.shell.commanding import ANSWERS_KEPT, AnswerLog
from controller.telemetry.schema import OPERATOR
from tests.examples import examples

TOKEN = "a token"
FREEZE = {"verb": "freeze", "target": "all", "who": "ann"}
World = Any
Stack = Any


@dataclass
class Answer:
    status: int
    document: Any

    @property
    def error(self) -> dict[str, str]:
        found: dict[str, str] = self.document["error"]
        return found


def ask(
    app: Any,
    method: str,
    path: str,
    body: object = None,
    token: str | None = TOKEN,
    parts: list[bytes] | None = None,
    headers: list[tuple[bytes, bytes]] | None = None,
) -> Answer:
    """One request, as an ASGI server hands it over."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode() if body else b""
    if headers is None:
        headers = [] if token is None else [(b"authorization", f"Bearer {token}".encode())]
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": headers,
    }
    left = [raw] if parts is None else list(parts)
    said: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    async def send(message: Any) -> None:
        said.append(message)

    asyncio.run(app(scope, receive, send))
    content = b"".join(message.get("body", b"") for message in said[1:])
    return Answer(said[0]["status"], json.loads(content) if content else None)


@dataclass
class StubJudge(PlanStore):
    """Bus and store in one: every command is recorded as soon as it is sent."""

    accepts: bool = True
    rows: list[dict[str, Any]] = field(default_factory=list)
    lines: list[bytes] = field(default_factory=list)

    def send(self, topic: str, value: bytes, **_: Any) -> bool:
        assert topic == OPERATOR
        (row,) = decode_rows(value)
        self.rows.append(row)
        details = {name: row[name] for name in ("who", "verb", "target")}
        record = {
            "command_id": row["command_id"],
            "sentence": "said",
            "details": {**details, "accepted": self.accepts},
        }
        self.lines.append(json.dumps(record, separators=(",", ":")).encode())
        return True

    def records(self, after: str = "-", limit: int = 1000) -> list[tuple[str, bytes]]:
        start = 0 if after == "-" else int(after)
        return [(str(start + i + 1), line) for i, line in enumerate(self.lines[start:])]

    stored: Stored | None = None

    def load(self) -> Stored | None:
        return self.stored


def decode_rows(value: bytes) -> list[dict[str, Any]]:
    import pyarrow as pa

    rows: list[dict[str, Any]] = pa.ipc.open_stream(value).read_all().to_pylist()
    return rows


def door(judge: Any, folder: Path = Path("/nowhere")) -> Any:
    return application(Ways("shop", folder, judge, judge, sleep_s=lambda _: None), TOKEN)


def in_world(world: World, shell: Any) -> Any:
    """The door of a controller that ticks while a command waits."""

    def tick(_: float) -> None:
        shell.run_tick()

    ways = Ways(
        "shop", world.folder / "a", world.bus.writer(), world.store,
        now_s=world.clock.now_s, sleep_s=tick,
    )  # fmt: skip
    return application(ways, TOKEN)


def test_a_command_is_answered_with_its_record_and_done_once(world: World) -> None:
    app = in_world(world, world.controller())
    said = {**FREEZE, "command_id": "c-1"}
    first = ask(app, "POST", "/v1/operator", said)
    assert first.status == 200, first.document
    assert first.document["accepted"] is True
    assert first.document["record"]["details"]["who"] == "ann"
    assert "all" in world.plan()["frozen"]
    revision = world.store.load().revision
    assert ask(app, "POST", "/v1/operator", said) == first
    assert world.store.load().revision == revision
    other = ask(app, "POST", "/v1/operator", {**said, "verb": "thaw"})
    assert (other.status, other.error["field"]) == (409, "command_id")


def test_what_the_judge_refuses_is_a_conflict_with_the_reason(world: World) -> None:
    app = in_world(world, world.controller())
    answer = ask(app, "POST", "/v1/approvals/nothing/approve", {"who": "ann"})
    assert answer.status == 409
    assert "there is no such approval" in answer.error["what"]
    assert answer.document["record"]["details"]["accepted"] is False


def test_an_approval_is_listed_and_approved_by_the_name_of_a_person(world: World) -> None:
    from dataclasses import replace

    (playbook,) = world.playbooks.playbooks
    guards = replace(playbook.guards, autonomy=Autonomy.APPROVE)
    world.playbooks.playbooks = (replace(playbook, guards=guards),)
    shell = world.controller()
    world.run(shell, until_s=10)
    app = in_world(world, shell)
    (asked,) = ask(app, "GET", "/v1/approvals").document["approvals"]
    status = ask(app, "GET", "/v1/status").document
    assert status["incidents"][0]["phase"] == "opened"
    assert status["bundle"]["playbooks"] == {"slow-primary": "ab" * 32}
    assert status["controller"]["role"] == "leader"
    answer = ask(app, "POST", f"/v1/approvals/{asked['id']}/approve", {"who": "Zoë B."})
    assert answer.status == 200, answer.document
    assert answer.document["record"]["details"]["who"] == "Zoë B."
    assert world.share() == 0.0
    assert ask(app, "GET", "/v1/approvals").document["approvals"] == []


def test_without_a_leader_the_command_fails_visibly(world: World) -> None:
    ways = Ways(
        "shop", world.folder, world.bus.writer(), world.store,
        now_s=world.clock.now_s, sleep_s=world.clock.advance,
    )  # fmt: skip
    answer = ask(application(ways, TOKEN), "POST", "/v1/operator", {**FREEZE, "expires_in_s": 2})
    assert answer.status == 504
    assert "was not taken up within 2 s" in answer.error["what"]
    assert answer.document["command_id"].startswith("freeze-")


def test_a_store_that_is_gone_is_said(world: World) -> None:
    app = in_world(world, world.controller())
    world.store.down = True
    assert ask(app, "GET", "/v1/approvals").status == 503
    assert ask(app, "GET", "/v1/status").error["accepted"] == "again, later"


@pytest.mark.parametrize("token", [None, "", "a toke", "a token ", "another"])
def test_without_the_token_nobody_learns_anything(token: str | None) -> None:
    judge = StubJudge()
    for method, path in (("POST", "/v1/operator"), ("GET", "/v1/status"), ("GET", "/nothing")):
        answer = ask(door(judge), method, path, FREEZE, token=token)
        assert answer.status == 401
        assert answer.error["field"] == "Authorization"
    assert judge.rows == []


def test_a_door_without_a_token_is_a_mistake() -> None:
    judge = StubJudge()
    with pytest.raises(ValueError, match="stands open"):
        application(Ways("shop", Path("/nowhere"), judge, judge), "")


@pytest.mark.parametrize("token", ["short", "a" * 257, "with spaces in it, see", "ümlaut" * 4])
def test_a_token_that_is_weak_or_cannot_be_sent_is_bad_input(token: str) -> None:
    check_token("a-token-for-people")
    with pytest.raises(BadInput, match="16 to 256 visible"):
        check_token(token)


@pytest.mark.parametrize(
    ("body", "status", "name", "said"),
    [
        (b"", 400, "", "no JSON"),
        (b"[1]", 400, "", "no JSON object"),
        (b"\xff{}", 400, "", "no JSON"),
        (b'{"who": ' + b"[" * 5_000, 400, "", "no JSON"),
        (b'{"who": "ann", "who": "bob"}', 400, "", "'who' stands there twice"),
        (b'{"expires_in_s": NaN}', 400, "", "NaN is no number"),
        ({**FREEZE, "verb": "explode"}, 422, "verb", "no verb"),
        ({"verb": "freeze", "target": "all"}, 422, "who", "missing"),
        ({**FREEZE, "who": ""}, 422, "who", "match"),
        ({**FREEZE, "who": "a\nb"}, 422, "who", "match"),
        ({**FREEZE, "target": "all\x00"}, 422, "target", "match"),
        ({**FREEZE, "target": "a" * 501}, 422, "target", "at most 500"),
        ({**FREEZE, "target": 3}, 422, "target", "string"),
        ({**FREEZE, "expires_in_s": "30"}, 422, "expires_in_s", "number"),
        ({**FREEZE, "expires_in_s": 1e9}, 422, "expires_in_s", "300"),
        ({**FREEZE, "command_id": "a b"}, 422, "command_id", "match"),
        ({**FREEZE, "force": True}, 422, "force", "unknown key"),
        ({**FREEZE, "\ud800": 1}, 422, "", ""),
        ({**FREEZE, "target": "\ud800"}, 422, "target", ""),
        (b" " * (BODY_BYTES_MAX + 1), 413, "", "too large"),
    ],
)
def test_bad_input_is_one_plain_error(body: Any, status: int, name: str, said: str) -> None:
    judge = StubJudge()
    answer = ask(door(judge), "POST", "/v1/operator", body)
    assert (answer.status, answer.error["field"]) == (status, name)
    assert said in answer.error["what"]
    assert answer.error["accepted"]
    assert judge.rows == []


def test_paths_methods_and_slow_or_long_bodies_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = door(StubJudge())
    assert ask(app, "GET", "/v1/nothing").status == 404
    assert ask(app, "GET", "/v1/operator").status == 405
    half = b" " * (BODY_BYTES_MAX // 2 + 1)
    assert ask(app, "POST", "/v1/operator", parts=[half, half]).status == 413

    monkeypatch.setattr(door_application, "BODY_TIMEOUT_S", 0.01)
    monkeypatch.setattr(door_application.Request, "stream", lambda _: Never())
    assert ask(app, "POST", "/v1/operator", FREEZE).status == 408


class Never:
    """A body that does not come."""

    def __aiter__(self) -> Never:
        return self

    async def __anext__(self) -> bytes:
        await asyncio.sleep(60.0)
        return b""


ANY_TEXT = st.text(st.characters(), max_size=3)  # surrogates too, as JSON may escape them
KEYS = st.one_of(
    st.sampled_from(["who", "verb", "target", "command_id", "expires_in_s"]),
    ANY_TEXT,
)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    ANY_TEXT,
    st.sampled_from([*VERBS, "ann", "all", "c-1", 30, 1.5]),
    st.lists(st.none(), max_size=2),
)
BODIES = st.one_of(
    st.binary(max_size=40),
    st.dictionaries(KEYS, VALUES).map(lambda d: json.dumps(d).encode()),
    st.dictionaries(KEYS, VALUES).map(lambda d: json.dumps({**FREEZE, **d}).encode()),
)
PATHS = st.one_of(
    st.sampled_from(["/v1/operator", "/v1/approvals/x/approve", "/v1/approvals/x/reject"]),
    st.text(max_size=12).map(lambda text: "/v1/approvals/" + text + "/approve"),
)


METHODS = st.sampled_from(["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW", ""])
ANYWHERE = st.one_of(
    PATHS,
    st.sampled_from(
        ["/", "", "/v1", "/v1/plan", "/v1/approvals", "/v1/operator/", "//v1/operator"]
    ),
    st.text(max_size=12),
)
WRONG = st.one_of(
    st.binary(max_size=12),
    st.sampled_from(
        [b"Bearer ", b"Bearer a toke", b"Bearer a token ", b"bearer a token", b"Basic x"]
    ),
)
HEADERS = st.lists(
    st.tuples(st.sampled_from([b"authorization", b"content-length", b"x-any"]), WRONG), max_size=3
)


@settings(max_examples=examples(200), deadline=None)
@given(method=st.one_of(METHODS, st.just("POST")), path=ANYWHERE, body=BODIES, headers=HEADERS)
def test_nobody_without_the_token_changes_or_learns_anything(
    method: str, path: str, body: bytes, headers: list[tuple[bytes, bytes]]
) -> None:
    judge = StubJudge()
    answer = ask(door(judge), method, path, body, headers=headers)
    assert answer.status == 401
    assert answer.error["what"] == "the token is missing or wrong"
    assert judge.rows == []


@settings(max_examples=examples(200), deadline=None)
@given(method=METHODS, path=ANYWHERE, body=BODIES)
def test_nothing_but_a_post_changes_anything(method: str, path: str, body: bytes) -> None:
    judge = StubJudge()
    headers = [(b"authorization", f"Bearer {TOKEN}".encode())]
    answer = ask(door(judge), method, path, body, headers=headers)
    assert answer.status in (200, 204, 400, 404, 405, 422)
    assert judge.rows == []


@settings(max_examples=examples(200), deadline=None)
@given(path=PATHS, body=BODIES)
def test_nothing_crashes_the_door_and_nothing_is_accepted_silently(path: str, body: bytes) -> None:
    judge = StubJudge()
    answer = ask(door(judge), "POST", path, body)
    assert answer.status in (200, 400, 404, 405, 422)
    if answer.status != 200:
        assert answer.error["what"]
        assert judge.rows == []
        return
    (row,) = judge.rows
    said = json.loads(body)
    assert set(said) <= {"who", "verb", "target", "command_id", "expires_in_s"}
    assert row["who"] == said["who"]
    assert row["who"].strip()
    assert row["verb"] in VERBS
    assert row["target"].isprintable()
    assert row["command_id"] == (said.get("command_id") or answer.document["command_id"])
    assert row["expires_at_s"] - row["at_s"] == pytest.approx(said.get("expires_in_s") or 30.0)


@pytest.mark.parametrize("line", [b'{"command_id":"c-1', b'["command_id":1]', b'"command_id":[[['])
def test_a_damaged_line_of_the_log_answers_nobody(line: bytes) -> None:
    judge = StubJudge()
    judge.lines = [line, b'{"command_id":"c-2"}']
    log = AnswerLog(judge)
    assert log.answer_to("c-1") is None
    assert log.answer_to("c-2") is not None


def test_answers_are_kept_up_to_a_limit() -> None:
    judge = StubJudge()
    judge.lines = [
        json.dumps({"command_id": f"c-{i}"}, separators=(",", ":")).encode()
        for i in range(ANSWERS_KEPT + 1)
    ]
    log = AnswerLog(judge)
    assert log.answer_to("c-0") is None
    assert log.answer_to(f"c-{ANSWERS_KEPT}") is not None


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[tuple[OpenDoor, list[bool]]]:
    judge, said = StubJudge(), []
    found = OpenDoor(Ways("shop", tmp_path, judge, judge), TOKEN, "127.0.0.1", 0, said.append)
    yield found, said
    found.close()


def test_it_listens_on_loopback_says_where_and_ends(
    opened: tuple[OpenDoor, list[bool]], tmp_path: Path
) -> None:
    door_, said = opened
    host, port = door_.address
    assert json.loads((tmp_path / FILE).read_text())["port"] == port
    request = urllib.request.Request(
        f"http://{host}:{port}/v1/operator",
        json.dumps(FREEZE).encode(),
        {"Authorization": f"Bearer {TOKEN}"},
    )
    with urllib.request.urlopen(request, timeout=10.0) as answer:
        assert json.load(answer)["accepted"] is True
    with pytest.raises(BadInput, match="cannot be listened on"):
        OpenDoor(door_._ways, TOKEN, host, port, said.append)
    door_.close()
    assert said == [True, False]
    assert not (tmp_path / FILE).exists()


PLAN_TOKEN = "a token that reads the plan"


@pytest.fixture
def plan_door(tmp_path: Path) -> Iterator[tuple[StubJudge, str]]:
    judge = StubJudge()
    ways = Ways("shop", tmp_path, judge, judge)
    found = OpenDoor(ways, TOKEN, "127.0.0.1", 0, lambda _: None, PLAN_TOKEN)
    yield judge, f"http://127.0.0.1:{found.address[1]}"
    found.close()


def test_services_read_the_plan_as_it_is_with_a_token_that_opens_nothing_else(
    plan_door: tuple[StubJudge, str],
) -> None:
    judge, url = plan_door
    assert HttpPlanChannel(url, PLAN_TOKEN).load_plan() is None, "nothing was published yet"
    judge.stored = Stored("h", b'{"format": 1}', None, 1, 1)
    assert HttpPlanChannel(url, PLAN_TOKEN).load_plan() == b'{"format": 1}'
    assert HttpPlanChannel(url, TOKEN).load_plan() == b'{"format": 1}'
    for token in ("", "another token"):
        with pytest.raises(Rejected, match="SELFRIGHT_PLAN_TOKEN"):
            HttpPlanChannel(url, token).load_plan()
    app = application(Ways("shop", Path(), judge, judge), TOKEN, PLAN_TOKEN)
    assert ask(app, "GET", "/v1/status", token=PLAN_TOKEN).status == 401
    assert ask(app, "POST", "/v1/operator", FREEZE, token=PLAN_TOKEN).status == 401
    assert judge.rows == []


def test_without_a_token_for_readers_no_empty_one_opens_the_plan() -> None:
    judge = StubJudge()
    app = application(Ways("shop", Path(), judge, judge), TOKEN)
    assert ask(app, "GET", "/v1/plan", token="").status == 401


@pytest.mark.parametrize("token", ["two\nlines", "\u20ac"])
def test_a_token_no_header_can_carry_is_not_repeated_in_the_error(token: str) -> None:
    with pytest.raises(Rejected) as refused:
        HttpPlanChannel("http://127.0.0.1:1", token).load_plan()
    assert token not in str(refused.value)


def test_a_plan_door_that_is_not_there_is_a_state_of_the_world() -> None:
    with pytest.raises(Unavailable, match="the plan door at 127.0.0.1:1"):
        HttpPlanChannel("http://127.0.0.1:1", PLAN_TOKEN).load_plan()


def test_its_death_is_said_and_ends_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def die(*_: Any, **__: Any) -> None:
        raise SystemExit(3)

    monkeypatch.setattr("uvicorn.Server.run", die)
    judge, said = StubJudge(), []
    found = OpenDoor(Ways("shop", tmp_path, judge, judge), TOKEN, "127.0.0.1", 0, said.append)
    found._thread.join(10.0)
    assert said == [True, False]
    assert "the operator door has failed and is shut" in caplog.text
    found.close()


def test_a_door_that_closes_lets_go_of_what_waits(tmp_path: Path) -> None:
    judge = StubJudge()
    ways = Ways("shop", tmp_path, judge, judge)
    ways.stopping.set()
    with pytest.raises(Unavailable, match="closing"):
        ways.wait(60.0)
