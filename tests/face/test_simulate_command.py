"""`selfright simulate`: what it prints, what it keeps, and how it refuses."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

import simulator.virtual.run as virtual_run
from selfright import decisions_command, replay_command, simulate_command
from simulator.scenario.loading import scenario_from_file
from simulator.scenario.model import Scenario
from simulator.scenario.shipped import shipped

QUICK = """
version: 1
scenario: quick
why: Short enough for a test.
duration: 60s
playbooks: demo
traffic: {rate: 20/s}
users: {users: 50, items: 60}
settings: {probe_per_s: 20, attribution_window_s: 10, cache_ttl_s: 2}
faults:
  - slow_primary: {at: 10s, for: 10s, delay: 400ms}
expect:
  - acts: {playbook: slow-primary, action: route, within: WITHIN}
"""


def _invoke(*words: str) -> Any:
    app = typer.Typer()
    simulate_command.register(app)
    replay_command.register(app)
    app.add_typer(decisions_command.app, name="decisions")
    return CliRunner().invoke(app, list(words))


def _quick(folder: Path, within: str = "10s") -> Path:
    path = folder / "quick.yaml"
    path.write_text(QUICK.replace("WITHIN", within), encoding="utf-8")
    return path


def test_the_list_has_every_shipped_scenario() -> None:
    result = _invoke("simulate", "--list")
    assert result.exit_code == 0
    assert all(name in result.stdout for name in shipped())


WAYS = "accepted: one of SCENARIO, --list, --random, --live"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ([], f"simulate: nothing was given; {WAYS}"),
        (["demo", "--live"], f"simulate: SCENARIO and --live was given; {WAYS}"),
        (["demo", "--rate", "5"], "--rate: means nothing with SCENARIO; accepted: --json, --log, "),
        (["--live", "--log", "x"], "--log: means nothing with --live; accepted: --data-dir, "),
        (["--random", "--report", "x.html"], "--report: means nothing with --random; accepted: "),
        (["--list", "--json"], "--json: means nothing with --list; accepted: --seed"),
        (["dmo"], "SCENARIO: unknown scenario 'dmo'; did you mean demo? accepted: bus-outage, "),
        (["no/such.yaml"], "no/such.yaml: no such file; accepted: a scenario in YAML"),
        (["demo", "--report", "x.pdf"], "--report: x.pdf is neither; accepted: a file named .html"),
        (["demo", "--report", "no/x.png"], "--report: no such folder: no"),
        (["demo", "--playbooks", "no"], "accepted: a folder with at least one playbook"),
        (["--random", "--save", "no/x.yaml"], "--save: no such folder: no"),
    ],
)
def test_bad_input_gets_one_line_and_exit_code_2(words: list[str], line: str) -> None:
    result = _invoke("simulate", *words)
    assert result.exit_code == 2
    assert line in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_log_is_never_mixed_with_another(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "x").touch()
    result = _invoke("simulate", "demo", "--log", str(tmp_path / "log"))
    assert result.exit_code == 2
    assert "accepted: a new or empty folder" in result.stderr


def test_a_log_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = _invoke("simulate", str(_quick(tmp_path)), "--log", str(tmp_path / "file" / "log"))
    assert result.exit_code == 2
    assert "--log: " in result.stderr
    assert "cannot be made" in result.stderr


def test_an_interrupted_run_says_so_and_its_log_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = virtual_run.VirtualRun._tick
    ticks: list[int] = []

    def interrupted(run: Any) -> None:
        ticks.append(1)
        if len(ticks) > 30:
            raise KeyboardInterrupt
        real(run)

    monkeypatch.setattr(virtual_run.VirtualRun, "_tick", interrupted)
    log = tmp_path / "log"
    result = _invoke("simulate", str(_quick(tmp_path)), "--log", str(log))
    assert result.exit_code != 0
    assert "interrupted before its end" in result.stderr
    shown = _invoke("decisions", "list", "--source", "disk", "--data-dir", str(log))
    assert "opens" in shown.stdout


def test_a_run_repeats_itself_by_its_first_line(tmp_path: Path) -> None:
    words = ["simulate", str(_quick(tmp_path)), "--seed", "3"]
    result = _invoke(*words)
    assert result.exit_code == 0, result.output
    first = result.stdout.splitlines()[0]
    assert first == shlex.join(["selfright", *words])
    assert "What users met" in result.stdout
    assert "✓ slow-primary route: public" in result.stdout
    again = _invoke(*shlex.split(first)[1:])
    assert again.stdout == result.stdout


def test_an_expectation_that_is_not_met_is_exit_code_1(tmp_path: Path) -> None:
    result = _invoke("simulate", str(_quick(tmp_path, within="1s")))
    assert result.exit_code == 1
    assert "✗ slow-primary route: public" in result.stdout


def test_the_log_that_is_kept_is_whole_and_replays(tmp_path: Path) -> None:
    log = tmp_path / "log"
    result = _invoke("simulate", str(_quick(tmp_path)), "--log", str(log), "--json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["as_expected"]
    assert document["broken"] == []
    assert "--log" in document["command"]
    whole = _invoke("decisions", "verify", "--source", "disk", "--data-dir", str(log))
    assert whole.exit_code == 0, whole.output
    replayed = _invoke("replay", "--data-dir", str(log))
    assert replayed.exit_code == 0, replayed.output
    assert "0 differences" in replayed.stdout


def _breaks_when_there_are_errors(scenario: Scenario, seed: int, **_: Any) -> Any:
    """Stands in for a controller with a bug: it cannot live with the fault `errors`."""
    evidence = SimpleNamespace(started_at_s=scenario.world.start_s)
    broken = SimpleNamespace(
        invariant="shares", at_s=scenario.world.start_s + 42.0, sentence="shares sum to 1.1"
    )
    ill = any(fault.name == "errors" for fault in scenario.faults)
    return SimpleNamespace(
        scenario=scenario,
        seed=seed,
        evidence=evidence,
        records=({"phase": "opened"},),
        broken=(broken,) if ill else (),
        judged=(),
        failed_commands=(),
        passed=not ill,
    )


def test_a_seed_that_breaks_an_invariant_is_shrunk_and_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(virtual_run, "run_scenario", _breaks_when_there_are_errors)
    file = tmp_path / "shrunk.yaml"
    result = _invoke("simulate", "--random", "--seeds", "60", "--save", str(file))
    assert result.exit_code == 3
    first, *_ = result.stdout.splitlines()
    assert first == f"selfright simulate --random --seeds 60 --seed 1 --save {file}"
    assert "invariant broken at 42.0 s: shares: shares sum to 1.1" in result.stdout
    assert f"selfright simulate {file} --seed " in result.stdout
    smallest = scenario_from_file(file)
    assert [fault.name for fault in smallest.faults] == ["errors"]
    assert "errors: {at: " in result.stdout


def test_seeds_that_break_nothing_are_exit_code_0(monkeypatch: pytest.MonkeyPatch) -> None:
    def never_breaks(scenario: Scenario, seed: int, **_: Any) -> Any:
        found = _breaks_when_there_are_errors(scenario, seed)
        found.broken = ()
        return found

    monkeypatch.setattr(virtual_run, "run_scenario", never_breaks)
    result = _invoke("simulate", "--random", "--seeds", "3", "--seed", "7", "--json")
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert (document["scenarios"], document["failed"], document["shrunk"]) == (3, [], None)
    assert document["command"] == "selfright simulate --random --seeds 3 --seed 7"
