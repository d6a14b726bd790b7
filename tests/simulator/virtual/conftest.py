"""Small scenarios, and what a run wrote, for tests of whole virtual runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from simulator.scenario.loading import scenario_from_document
from simulator.scenario.model import Scenario

SMALL: dict[str, Any] = {
    "version": 1,
    "scenario": "small",
    "why": "A test.",
    "duration": "150s",
    "playbooks": "demo",
    "settings": {"probe_per_s": 20, "attribution_window_s": 10, "cache_ttl_s": 2},
    "traffic": {"rate": "25/s"},
    "users": {"users": 200, "items": 200},
    "faults": [{"slow_primary": {"at": "20s", "for": "30s", "delay": "400ms"}}],
}


@pytest.fixture(scope="session")
def small() -> Callable[..., Scenario]:
    """The demo's story with few users; keywords replace parts of the document."""

    def make(**changes: Any) -> Scenario:
        return scenario_from_document({**SMALL, **changes})

    return make
