"""What the HTTP interface refuses: one clear line, and nothing is changed."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from controller.telemetry.batches import encode_arrow
from controller.telemetry.schema import OUTCOME, SERVED
from serving.feedback_token import BadToken, TokenLabels, sign, verify
from serving.openapi import docs_page, openapi_document
from tests.serving.router_rig import KEY, Answer, Rig, good


def ask(trained: Path, path: str, body: Any, method: str = "POST") -> tuple[Answer, Rig]:
    async def scenario() -> tuple[Answer, Rig]:
        rig = Rig(trained, good)
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await rig.ask(method, path, raw), rig

    return asyncio.run(scenario())


@pytest.mark.parametrize(
    ("body", "status", "line"),
    [
        (b"{", 400, "body: Invalid JSON"),
        (b"", 400, "body: Invalid JSON"),
        (b"\xff\xfe", 400, "body: Invalid JSON"),
        ([1], 422, "body: Input should be an object"),
        ({}, 422, "user_id: Field required"),
        ({"user_id": ""}, 422, "user_id"),
        ({"user_id": ["u"]}, 422, "user_id"),
        ({"user_id": "u", "k": "5"}, 422, "k: Input should be a valid integer"),
        ({"user_id": "u", "k": 0}, 422, "k: Input should be greater than or equal to 1"),
        ({"user_id": "u", "k": 1000}, 422, "k: Input should be less than or equal to 100"),
        ({"user_id": "u", "usr": 1}, 422, "usr: unknown field; accepted: user_id, k"),
        ({"user_id": "u", "segments": {"platform": "tv"}}, 422, "'tv' is not one of ios, android"),
        ({"user_id": "u" * 70_000}, 413, "body: over 65536 bytes"),
    ],
)
def test_a_bad_request_gets_one_clear_line(
    trained_dir: Path, body: Any, status: int, line: str
) -> None:
    answer, rig = ask(trained_dir, "/recommend", body)
    assert answer.status == status
    assert line in answer.json["error"]
    assert "\n" not in answer.json["error"]
    assert [row["outcome"] for row in rig.rows()] == ["invalid"]
    assert encode_arrow(SERVED, rig.rows())


def test_an_announced_length_is_refused_before_a_byte_is_read(trained_dir: Path) -> None:
    async def scenario() -> None:
        rig = Rig(trained_dir, good)
        answer = await rig.ask("POST", "/recommend", b"", {"content-length": "70000"})
        assert answer.status == 413

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/recommend", 405), ("POST", "/health", 405), ("GET", "/nothing", 404)],
)
def test_other_paths_and_methods_are_named(
    trained_dir: Path, method: str, path: str, status: int
) -> None:
    answer, _ = ask(trained_dir, path, b"", method)
    assert answer.status == status
    assert path in answer.json["error"]


LABELS = TokenLabels(bytes(16), "primary", "e1", {"primary": 0.9}, 100.0, 200.0, 5)


def test_a_token_brings_back_its_labels() -> None:
    assert verify(KEY, sign(KEY, LABELS), 150.0) == LABELS


def test_every_changed_character_is_a_forgery() -> None:
    token = sign(KEY, LABELS)
    for place in range(len(token)):
        other = "A" if token[place] != "A" else "B"
        forged = token[:place] + other + token[place + 1 :]
        with pytest.raises(BadToken):
            verify(KEY, forged, 150.0)


@pytest.mark.parametrize("token", ["", "x", "!" * 50, "é" * 50, "A" * 80])
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(BadToken):
        verify(KEY, token, 150.0)


@pytest.mark.parametrize(
    ("change", "status", "line"),
    [
        ({"token": "forged"}, 401, "token"),
        ({"clicked_positions": [5]}, 422, "clicked_positions: 5 is not a position"),
        ({"clicked_positions": [-1]}, 422, "clicked_positions.0"),
        ({"viewed_positions": [9]}, 422, "viewed_positions: 9 is not a position"),
        ({"clicked_positions": "0"}, 422, "clicked_positions"),
        ({"kind": "applause"}, 422, "kind"),
        ({"event_id": "nonsense"}, 422, "event_id"),
        ({"arm": "primary"}, 422, "arm: unknown field"),
    ],
)
def test_bad_feedback_changes_nothing(
    trained_dir: Path, change: dict[str, Any], status: int, line: str
) -> None:
    now_s = time.time()
    labels = TokenLabels(bytes(16), "primary", "", {}, now_s, now_s + 60.0, 5)
    answer, rig = ask(trained_dir, "/feedback", {"token": sign(KEY, labels)} | change)
    assert answer.status == status
    assert line in answer.json["error"]
    assert rig.rows(OUTCOME) == []


def test_an_expired_token_says_so(trained_dir: Path) -> None:
    answer, rig = ask(trained_dir, "/feedback", {"token": sign(KEY, LABELS)})
    assert answer.status == 401
    assert "expired" in answer.json["error"]
    assert rig.rows(OUTCOME) == []


def test_the_openapi_document_names_every_schema_it_refers_to() -> None:
    document = openapi_document("s", {"platform": ("ios",)})
    text = json.dumps(document)
    for name in text.split('"#/components/schemas/')[1:]:
        assert name.split('"')[0] in document["components"]["schemas"]
    assert set(document["paths"]) == {"/recommend", "/feedback", "/health"}


def test_the_docs_page_needs_nothing_from_elsewhere(trained_dir: Path) -> None:
    page = docs_page(openapi_document("s", {}))
    assert "://" not in page
    assert "RecommendRequest" in page
    answer, _ = ask(trained_dir, "/docs", b"", "GET")
    assert answer.status == 200
    assert answer.body.startswith(b"<!doctype html>")
