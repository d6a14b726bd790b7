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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The stack runs until the session ends, so what needs it comes last and slows nobody down."""
    items.sort(key=lambda item: "stack" in getattr(item, "fixturenames", ()) and _is_here(item))


def _is_here(item: pytest.Item) -> bool:
    return Path(__file__).parent in item.path.parents
