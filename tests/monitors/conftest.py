"""A monitor set in virtual time."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from controller.settings import Settings
from tests.monitors.telemetry_rows import Watch


@pytest.fixture
def watch() -> Callable[..., Watch]:
    return lambda **settings: Watch(Settings(**settings))
