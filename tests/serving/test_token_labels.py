"""What a token vouches for reaches the outcome row; old tokens go on counting."""

from __future__ import annotations

import base64
import hmac
import json
import time
from typing import Any, cast

from controller.telemetry.schema import OUTCOME
from serving.feedback import Feedback
from serving.feedback_token import TokenLabels, sign, verify
from serving.requests import FeedbackRequest
from serving.telemetry_buffer import TelemetryBuffer

KEY = b"a key of at least 16 characters"


class Kept:
    """A telemetry buffer that shows what was put."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, dict[str, Any]]] = []

    def put(self, topic: str, row: dict[str, Any], partition: int = 0) -> None:
        assert partition == 0
        self.rows.append((topic, row))


def outcome_of(token: str) -> dict[str, Any]:
    kept = Kept()
    Feedback(cast(TelemetryBuffer, kept), KEY).take(
        FeedbackRequest(token=token, clicked_positions=[0])
    )
    [(topic, row)] = kept.rows
    assert topic == OUTCOME
    return row


def test_score_and_segments_of_the_request_reach_the_outcome_row() -> None:
    now_s = time.time()
    labels = TokenLabels(
        bytes(16), "primary", "", {}, now_s, now_s + 60.0, 5, 1.25, {"platform": "ios"}
    )
    token = sign(KEY, labels)
    assert verify(KEY, token, now_s) == labels
    row = outcome_of(token)
    assert (row["top_score"], row["segment.platform"]) == (1.25, "ios")


def test_a_token_of_the_first_format_is_taken_without_them() -> None:
    now_s = time.time()
    content = json.dumps([1, "00" * 16, "primary", "", {}, now_s, now_s + 60.0, 5]).encode()
    mac = hmac.digest(KEY, content, "sha256")
    row = outcome_of(base64.urlsafe_b64encode(mac + content).decode().rstrip("="))
    assert row["arm"] == "primary"
    assert row["top_score"] is None
    assert not any(name.startswith("segment.") for name in row)
