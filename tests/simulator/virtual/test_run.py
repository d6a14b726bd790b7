"""The loop in virtual time: the shell of production, its death, its store's, its people."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from controller.adapters.log_archive import archived_lines
from controller.shell.journal import segment_paths
from controller.shell.replay import compare, replay
from controller.shell.segment import read_segment
from simulator.scenario.model import Scenario
from simulator.virtual.outcome import Outcome
from simulator.virtual.run import run_scenario


def phases(outcome: Outcome) -> list[str]:
    return [record["phase"] for record in outcome.records]


@pytest.fixture(scope="module")
def story(small: Callable[..., Scenario], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("story")
    outcome = run_scenario(small(), 1, log_dir=folder)
    assert outcome.broken == ()
    (folder / "log").write_bytes(b"\n".join(outcome.log))
    return folder


def test_the_slow_primary_is_drained_and_comes_back(story: Path) -> None:
    records = [json.loads(line) for line in (story / "log").read_bytes().splitlines()]
    assert [record["phase"] for record in records] == [
        "elected",
        "opened",
        "acting",
        "explained",
        "verifying",
        "holding",
        "returning",
        "returning",
        "returning",
        "recovered",
    ]


def test_what_a_run_keeps_is_what_production_keeps_and_replays(story: Path) -> None:
    lines = (story / "decisions" / "records.jsonl").read_bytes().splitlines()
    assert lines == (story / "log").read_bytes().splitlines()
    derived = replay([read_segment(path) for path in segment_paths([story / "journal"])])
    assert compare(derived, lines).differences == ()
    assert list(derived.lines) == lines


def test_a_controller_that_dies_in_an_incident_takes_it_up_again(
    small: Callable[..., Scenario],
) -> None:
    faults = [
        {"slow_primary": {"at": "20s", "for": "40s"}},
        {"controller_crash": {"at": "30s", "for": "10s"}},
    ]
    outcome = run_scenario(small(faults=faults), 1)
    assert outcome.broken == ()
    assert phases(outcome).count("elected") == 2
    assert phases(outcome).count("opened") == 1
    assert phases(outcome)[-1] == "recovered"
    epochs = [record["epoch"] for record in outcome.records]
    assert epochs == sorted(epochs)
    assert len(set(epochs)) == 2


def test_a_controller_that_is_back_at_once_leads_again(small: Callable[..., Scenario]) -> None:
    outcome = run_scenario(small(faults=[{"controller_crash": {"at": "30.1s", "for": "0.2s"}}]), 1)
    assert phases(outcome).count("elected") == 2


def test_without_a_store_nobody_acts_and_afterwards_the_fault_is_healed(
    small: Callable[..., Scenario],
) -> None:
    faults = [
        {"store_outage": {"at": "10s", "for": "30s"}},
        {"slow_primary": {"at": "20s", "for": "40s"}},
    ]
    outcome = run_scenario(small(faults=faults), 1)
    start_s = outcome.scenario.world.start_s
    acted = [r["at_s"] - start_s for r in outcome.records if r["phase"] == "acting"]
    assert outcome.broken == ()
    assert len(acted) == 1
    assert acted[0] >= 40.0
    assert phases(outcome)[-1] == "recovered"


def test_people_are_answered_by_a_record(small: Callable[..., Scenario]) -> None:
    commands = [
        {"at": "10s", "verb": "freeze", "target": "all"},
        {"at": "60s", "verb": "thaw", "target": "all"},
        {"at": "70s", "verb": "approve", "target": "nothing-of-that-name"},
    ]
    faults = [{"slow_primary": {"at": "20s", "for": "20s"}}]
    outcome = run_scenario(small(commands=commands, faults=faults), 1)
    answers = [record for record in outcome.records if record["command_id"]]
    assert len(answers) == 3
    assert "acting" not in phases(outcome)
    assert outcome.failed_commands == ()


def test_a_retrain_gives_a_candidate_that_nobody_serves(small: Callable[..., Scenario]) -> None:
    outcome = run_scenario(
        small(
            duration="8m",
            playbooks="shipped",
            settings={"input_sample_share": 1.0, "cache_ttl_s": 0.0},
            service={"train": "20s"},
            faults=[{"input_shift": {"at": "20s", "for": "400s", "size_sd": 3}}],
        ),
        1,
    )
    work = [record for record in outcome.records if record["phase"] == "work"]
    assert outcome.broken == ()
    assert any("primary-candidate-1" in record["sentence"] for record in work)
    versions = {
        claim for record in outcome.records for claim in json.dumps(record["claims_after"]).split()
    }
    assert not any("candidate" in claim for claim in versions)


def test_the_copy_on_disk_archives_what_is_older_than_is_kept(
    small: Callable[..., Scenario], tmp_path: Path
) -> None:
    settings = {"probe_per_s": 20, "attribution_window_s": 10, "cache_ttl_s": 2}
    kept = {"retention": {"decisions_s": 20.0}}
    outcome = run_scenario(small(settings={**settings, **kept}), 1, log_dir=tmp_path)
    assert outcome.broken == ()
    records = (tmp_path / "decisions" / "records.jsonl").read_bytes().splitlines()
    archived = archived_lines(tmp_path / "decisions" / "archive")
    assert archived
    assert len(records) < len(outcome.log)
    assert [*archived, *records] == list(outcome.log)
