"""Messages as a bus would deliver them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from controller.ports import Message
from controller.telemetry.batches import headers_for
from controller.telemetry.schema import SERVED


@pytest.fixture
def message() -> Callable[..., Message]:
    def build(value: bytes, topic: str = SERVED, **headers: Any) -> Message:
        full = headers_for(producer_id="p1", producer_seq=0, service="recommender")
        full.update({name: text for name, text in headers.items() if text is not None})
        full = {k: v for k, v in full.items() if not (k in headers and headers[k] is None)}
        return Message(topic, 0, 17, "t1", value, full)

    return build
