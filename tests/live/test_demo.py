"""The demo heals, proves it from its own journal, and leaves nothing running."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.live
COMMAND = str(Path(sys.executable).parent / "selfright")


def test_the_demo_tells_its_story_and_ends(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    words = [COMMAND, "demo", "--data-dir", str(tmp_path / "demo")]
    ratings = _ratings_if_here(request)
    words += ["--ratings", str(ratings)] if ratings else []
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for phase in ("opened", "acting", "verifying", "holding", "returning", "recovered"):
        assert f"{phase}:" in done.stderr
    assert "healed; 100.000%" in done.stdout or "healed; 99.9" in done.stdout
    assert "whole:" in done.stdout
    assert "equal:" in done.stdout
    assert _still_running(tmp_path) == []


def _ratings_if_here(request: pytest.FixtureRequest) -> Path | None:
    try:
        path: Path = request.getfixturevalue("movielens_ratings")
    except pytest.skip.Exception:
        return None  # then the built-in generator makes the users
    return path


def _still_running(folder: Path) -> list[str]:
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = " ".join(process.info["cmdline"] or [])
        if str(folder) in words:
            found.append(words)
    return found
