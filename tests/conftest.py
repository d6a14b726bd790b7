"""Fixtures every folder may use: where the real data is, and hypothesis set to be repeatable."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parent.parent

settings.register_profile(
    "selfright",
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("selfright")


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The real data sets; tests that need them say so when they are not here."""
    folder = Path(os.environ.get("SELFRIGHT_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no data folder at {folder}; set SELFRIGHT_DATA to run this test")
    return folder


@pytest.fixture(scope="session")
def movielens_ratings(data_folder: Path) -> Path:
    path = data_folder / "ml-latest-small" / "ratings.csv"
    if not path.exists():
        pytest.skip(f"no MovieLens ratings at {path}; set SELFRIGHT_DATA to run this test")
    return path
