"""One whole stack for all tests of this folder; each leaves it working."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.stack import LiveStack, live_stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    folder: Path = tmp_path_factory.mktemp("stack")
    with live_stack(folder) as running:
        yield running
