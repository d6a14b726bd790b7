"""Waiting with a generous cap: what is asserted is order and content, never time."""

from __future__ import annotations

import time
from collections.abc import Callable

from controller.ports import BusReader, Message

CAP_S = 60.0


def wait_until(is_true: Callable[[], bool], what: str, cap_s: float = CAP_S) -> None:
    deadline_s = time.monotonic() + cap_s
    while not is_true():
        assert time.monotonic() < deadline_s, f"waited {cap_s:g} s for {what}"
        time.sleep(0.02)


def read(reader: BusReader, count: int) -> list[Message]:
    """Poll until ``count`` messages are there."""
    found: list[Message] = []

    def is_enough() -> bool:
        found.extend(reader.poll(0.2, 1_000))
        return len(found) >= count

    wait_until(is_enough, f"{count} messages")
    return found
