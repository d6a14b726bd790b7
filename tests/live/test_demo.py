"""The demo heals, proves it from its own journal, decides as its virtual twin does, and leaves
nothing running."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from simulator.scenario.loading import scenario_from_file
from simulator.scenario.shipped import find_scenario
from simulator.virtual.run import run_scenario

pytestmark = [pytest.mark.live, pytest.mark.ray]
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
    lines = (tmp_path / "demo" / "decisions" / "records.jsonl").read_bytes().splitlines()
    live = _decisions_of_the_incident([json.loads(line) for line in lines])
    twin = run_scenario(scenario_from_file(find_scenario("demo")), seed=1)
    assert live == _decisions_of_the_incident(twin.records)


def _decisions_of_the_incident(records: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """(playbook, phase, what it does to the plan) of the first incident, from start to end."""
    incident = next(record["incident"] for record in records if record["phase"] == "opened")
    return [
        (record["playbook"], record["phase"], *(claim["kind"] for claim in record["claims_after"]))
        for record in records
        if record["incident"] == incident and record["phase"] != "work"
    ]


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
