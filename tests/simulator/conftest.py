"""Where the MovieLens file is, small populations, and evidence made by hand."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from simulator.population import Population, generated
from tests.simulator.small_service import SmallService

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="session")
def ratings_path() -> Path:
    folder = Path(os.environ.get("SELFRIGHT_DATA") or ROOT.parent / "shared" / "data")
    path = folder / "ml-latest-small" / "ratings.csv"
    if not path.exists():
        pytest.skip(f"no MovieLens ratings at {path}; set SELFRIGHT_DATA to the data folder")
    return path


@pytest.fixture(scope="session")
def population() -> Population:
    return generated(7, users=300, items=200)


@pytest.fixture
def small_service() -> type[SmallService]:
    return SmallService
