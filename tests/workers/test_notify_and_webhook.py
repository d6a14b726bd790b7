"""Pages and webhooks: at least once, by id; what cannot work is refused with the reason."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from serving.workers.notify import Notify
from serving.workers.results import Done, Failed, Refused
from serving.workers.webhook import Webhook


def go_on() -> bool:
    return False


def test_a_page_is_one_line_by_id(tmp_path: Path, wanting: Any, capsys: Any) -> None:
    path = tmp_path / "notifications.jsonl"
    work = wanting.work("n1", "notify", channel="oncall", message="primary breaches")
    for _ in range(2):
        assert isinstance(Notify(path)(work, wanting.plan(work), go_on), Done)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(line["id"], line["channel"], line["message"]) for line in lines] == [
        ("n1", "oncall", "primary breaches")
    ]
    assert capsys.readouterr().out == "notify oncall: primary breaches\n"


def test_a_page_that_cannot_be_written_is_tried_again(tmp_path: Path, wanting: Any) -> None:
    work = wanting.work("n1", "notify", channel="oncall")
    result = Notify(tmp_path)(work, wanting.plan(work), go_on)
    assert isinstance(result, Failed)
    assert result.again


class Receiver:
    """An HTTP server that answers with the given codes, then 200."""

    def __init__(self, *codes: int) -> None:
        self.codes = list(codes)
        self.calls: list[tuple[str, str | None, Any]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.calls.append(
                    (self.command, self.headers["Idempotency-Key"], json.loads(body))
                )
                self.send_response(receiver.codes.pop(0) if receiver.codes else 200)
                self.send_header("Location", "/elsewhere")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        self._thread = Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    started = Receiver()
    yield started
    started.close()


def call(wanting: Any, **arguments: Any) -> Any:
    work = wanting.work("h1", "webhook", **arguments)
    return Webhook(first_wait_s=0.01)(work, wanting.plan(work), go_on)


def test_a_webhook_carries_the_work_id(receiver: Receiver, wanting: Any) -> None:
    assert isinstance(call(wanting, url=receiver.url, body={"a": "b"}), Done)
    assert receiver.calls == [("POST", "h1", {"a": "b"})]


def test_a_server_in_trouble_is_called_again_with_the_same_key(
    receiver: Receiver, wanting: Any
) -> None:
    receiver.codes = [500, 429]
    assert isinstance(call(wanting, url=receiver.url), Done)
    assert [key for _, key, _ in receiver.calls] == ["h1"] * 3


def test_tries_are_limited(receiver: Receiver, wanting: Any) -> None:
    receiver.codes = [503] * 10
    assert call(wanting, url=receiver.url) == Failed("127.0.0.1 answered 503", again=True)
    assert len(receiver.calls) == 4


@pytest.mark.parametrize("code", [302, 404])
def test_a_refusing_server_is_called_once(receiver: Receiver, wanting: Any, code: int) -> None:
    receiver.codes = [code]
    result = call(wanting, url=receiver.url)
    assert result == Failed(f"127.0.0.1 answered {code}", again=False)
    assert len(receiver.calls) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"url": "file:///etc/passwd"},
        {"url": "ftp://x/"},
        {"url": "http://"},
        {"url": "http://[x"},
        {"url": "http://127.0.0.1:1", "body": "text"},
        {"url": "http://127.0.0.1:1", "body": {"a": "b" * 70_000}},
    ],
    ids=lambda a: str(a)[:40],
)
def test_what_is_no_webhook_is_refused(wanting: Any, arguments: dict[str, Any]) -> None:
    assert isinstance(call(wanting, **arguments), Refused)


def test_nobody_there_is_a_failure(receiver: Receiver, wanting: Any) -> None:
    url = receiver.url
    receiver.server.server_close()
    result = call(wanting, url=url)
    assert isinstance(result, Failed)
    assert result.again
