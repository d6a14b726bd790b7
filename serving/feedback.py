"""Feedback: from a token and positions to one row of `outcome` telemetry."""

from __future__ import annotations

import time

from controller.errors import BadInput
from controller.telemetry.schema import OUTCOME, SEGMENT_PREFIX
from serving.feedback_token import derived_event_id, verify
from serving.requests import FeedbackRequest
from serving.routing.identity import partition_of
from serving.telemetry_buffer import TelemetryBuffer


class Feedback:
    """The labels of an outcome come from the token, never from the client."""

    def __init__(self, telemetry: TelemetryBuffer, token_key: bytes) -> None:
        self._telemetry = telemetry
        self._token_key = token_key

    def take(self, request: FeedbackRequest) -> str:
        """Queue the outcome; return its event id. Raise BadToken or BadInput."""
        now_s = time.time()
        labels = verify(self._token_key, request.token, now_s)
        clicked = _positions(request.clicked_positions, "clicked_positions", labels.slate_length)
        viewed = request.viewed_positions
        if viewed is not None:
            viewed = _positions(viewed, "viewed_positions", labels.slate_length)
        if request.event_id is None:
            event_id = derived_event_id(
                labels.request_id, request.kind, clicked, viewed, request.value
            )
        else:
            event_id = bytes.fromhex(request.event_id)
        clicks = float(len(clicked)) if request.kind == "click" else None
        self._telemetry.put(
            OUTCOME,
            {
                "request_id": labels.request_id,
                "event_id": event_id,
                "kind": request.kind,
                "value": request.value if request.value is not None else clicks,
                "clicked_positions": clicked,
                "viewed_positions": viewed,
                "at_s": now_s,
                "received_at_s": now_s,
                "served_at_s": labels.at_s,
                "arm": labels.arm or None,
                "evaluation_id": labels.evaluation_id,
                "propensities": [{"arm": a, "chance": c} for a, c in labels.propensities.items()],
                "top_score": labels.top_score,
                **{SEGMENT_PREFIX + name: value for name, value in labels.segments.items()},
            },
            partition=partition_of(labels.request_id),
        )
        return event_id.hex()


def _positions(positions: list[int], field: str, slate_length: int) -> list[int]:
    """Sorted, each once. Raise BadInput for a position the slate did not have."""
    for position in positions:
        if position >= slate_length:
            raise BadInput(
                f"{position} is not a position of this slate; accepted: 0 to {slate_length - 1}",
                field=field,
            )
    return sorted(set(positions))
