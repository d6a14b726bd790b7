"""A second judge beside production sees the same facts, and says where it decides otherwise."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from controller.core.playbook import Comparison, Playbook
from controller.settings import Endpoints, Settings
from controller.shell.fact_rows import from_row
from controller.shell.histories import Contrast, Line, contrast
from controller.shell.journal import segment_paths
from controller.shell.journal_tail import JournalTail
from controller.shell.segment import read_segment
from selfright import replay_command, shadow_command
from selfright.running_stack import write_run_settings
from selfright.shadow_command import Shadow

World = Any

app = typer.Typer()
for module in (replay_command, shadow_command):
    module.register(app)


def stricter(playbook: Playbook, sha256: str = "cd" * 32) -> Playbook:
    assert isinstance(playbook.when, Comparison)
    return replace(playbook, when=replace(playbook.when, threshold=1e6), sha256=sha256)


def watch(world: World, shell: Any, playbook: Playbook, until_s: float) -> tuple[list[Line], Any]:
    """A shadow looks after every tick of production."""
    shadow = Shadow(world.folder / "a" / "journal", (playbook,), 0.0)
    lines = []
    while world.clock.now_s() < 1_764_000_000.0 + until_s:
        shell.run_tick()
        lines += shadow.poll()
    shell.close()
    return lines + shadow.poll(), shadow


def counts(found: Contrast) -> list[str]:
    return [count.sentence for count in found.counts]


def test_the_same_playbooks_decide_the_same(world: World) -> None:
    (playbook,) = world.playbooks.playbooks
    lines, shadow = watch(world, world.controller(), playbook, 12.0)
    shared = [line.phase for line in lines if line.side == " "]
    assert shared == ["opened", "acting"]
    found, _ = shadow.summary()
    assert counts(found) == ["slow-primary: would have rerouted once, did once"]


def test_other_playbooks_are_told_apart_as_it_happens(world: World) -> None:
    (playbook,) = world.playbooks.playbooks
    lines, shadow = watch(world, world.controller(), stricter(playbook), 40.0)
    assert {line.side for line in lines} == {"-"}
    found, unrecorded = shadow.summary()
    assert counts(found) == ["slow-primary: would never have rerouted, did once"]
    assert unrecorded == ()


def test_a_shadow_follows_over_segments_and_terms(world: World, monkeypatch: Any) -> None:
    monkeypatch.setattr("controller.shell.journal.SEGMENT_BYTES_MAX", 1)
    (playbook,) = world.playbooks.playbooks
    eager = replace(playbook, when=replace(playbook.when, threshold=40.0))
    lines, shadow = watch(world, world.controller(), eager, 30.0)
    assert [line.phase for line in lines if line.side == "+"][:2] == ["opened", "acting"]
    found, _ = shadow.summary()
    assert counts(found) == [
        "slow-primary: would have been refused once, was refused never",  # it would see no end
        "slow-primary: would have rerouted once, did once",
    ]
    again = world.controller("two", "a")
    world.run(again, until_s=60)
    again.close()
    assert "opened" not in [line.phase for line in shadow.poll() if line.side == "+"]


def test_what_was_decided_before_it_began_is_not_told(world: World) -> None:
    (playbook,) = world.playbooks.playbooks
    shell = world.controller()
    world.run(shell, until_s=30)
    shell.close()
    late = Shadow(world.folder / "a" / "journal", (stricter(playbook),), 1_764_000_030.0)
    assert late.poll() == []
    assert late.summary()[0].counts == ()


@pytest.fixture
def recorded(world: World, slow_playbook: Path) -> Callable[..., Any]:
    """Runs a command beside the journal of the whole story, with a playbook that fires earlier."""
    shell = world.controller()
    world.run(shell, until_s=40)
    shell.close()
    folder = world.folder / "a"
    endpoints = Endpoints(redis="redis://127.0.0.1:1/0", kafka="127.0.0.1:1")
    write_run_settings(Settings(service="shop", data_dir=folder, endpoints=endpoints))

    def run(command: str, *arguments: str) -> Any:
        line = [command, "--data-dir", str(folder), "--playbooks", str(slow_playbook), *arguments]
        return CliRunner(env={"COLUMNS": "200"}).invoke(app, line)

    return run


def test_replay_prints_the_difference_as_a_timeline(recorded: Callable[..., Any]) -> None:
    result = recorded("replay", "--diff")
    assert result.exit_code == 0, result.output + result.stderr
    first, *lines = result.output.splitlines()
    assert first == "slow-primary: would have rerouted once, did once"
    assert any(line.startswith("- 2025-11-") for line in lines)
    assert any(line.startswith("+ 2025-11-") for line in lines)
    as_json = recorded("replay", "--diff", "--json")
    found = [json.loads(line) for line in as_json.output.splitlines()]
    assert found[0]["kind"] == "count"
    assert {each["side"] for each in found if each["kind"] == "line"} >= {"-", "+"}


def test_a_shadow_ends_in_time_with_its_summary(recorded: Callable[..., Any]) -> None:
    result = recorded("shadow", "--for", "0.01s", "--json")
    assert (result.exit_code, result.output) == (0, "")
    result = recorded("shadow", "--for", "0.01s")
    assert "nothing was done, and nothing would have been" in result.output


def test_bad_input_is_one_line_and_two(recorded: Callable[..., Any], tmp_path: Path) -> None:
    for command, arguments, said in (
        ("shadow", ("--journal", str(tmp_path / "no")), "no journal to follow"),
        ("shadow", ("--for", "soon"), "duration"),
        ("replay", ("--telemetry", "x"), "--telemetry: readings are not made"),
    ):
        result = recorded(command, *arguments)
        assert result.exit_code == 2, result.output
        assert said in result.stderr
        assert result.stderr.count("\n") == 1


def test_a_journal_is_followed_while_it_is_written(world: World, tmp_path: Path) -> None:
    shell = world.controller()
    world.run(shell, until_s=12)
    shell.close()
    (path,) = segment_paths([world.folder / "a" / "journal"])
    whole, growing = path.read_bytes(), tmp_path / path.name
    tail = JournalTail(tmp_path)
    found: list[Any] = []
    for size in range(0, len(whole), 113):
        growing.write_bytes(whole[:size])
        found += tail.poll()
    growing.write_bytes(whole)
    found += tail.poll()
    segment = read_segment(path)
    assert found == [segment.header, *map(from_row, segment.rows)]
    growing.unlink()
    assert list(tail.poll()) == []


def record(at_s: float, phase: str, sentence: str, incident: str | None, **more: Any) -> Any:
    named: dict[str, Any] = {
        "playbook": "slow",
        "incident": incident,
        "details": {},
        "phase": phase,
    }
    return {"at_s": at_s, "sentence": sentence, **named, **more}


def test_incidents_that_opened_together_are_one_story() -> None:
    moves = {"moves": ["routes 100 % of primary to fallback"]}
    did = [
        record(1.0, "opened", "slow opens", "slow-1764000000-2"),
        record(1.0, "acting", "slow routes", "slow-1764000000-2", details=moves),
        record(9.0, "recovered", "slow-1764000000-2 has recovered", "slow-1764000000-2"),
    ]
    would = [
        record(1.0, "opened", "slow opens", "slow-1764000000-7"),
        record(5.0, "opened", "slow opens", "slow-1764000000-9"),
        record(5.0, "acting", "slow routes", "slow-1764000000-9", details=moves),
        record(7.0, "acting", "slow routes", "slow-1764000000-9", details=moves),
        record(8.0, "acting", "slow routes", "slow-1764000000-9", details=moves),
        record(9.0, "recovered", "slow-1764000000-7 has recovered", "slow-1764000000-7"),
    ]
    found = contrast(did, would)
    assert counts(found) == ["slow: would have rerouted 3 times, did once"]
    told = [(line.side, line.at_s, line.phase) for line in found.lines]
    assert told == [
        (" ", 1.0, "opened"),
        ("-", 1.0, "acting"),
        (" ", 9.0, "recovered"),
        ("+", 5.0, "opened"),
        ("+", 5.0, "acting"),
        ("+", 7.0, "acting"),
        ("+", 8.0, "acting"),
    ]
    assert not contrast(did, did).differs
