"""The decision log for people: what is listed, exported, and why nothing happened at a time."""

from __future__ import annotations

import json
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from controller.errors import BadInput
from controller.settings import Endpoints, Settings
from controller.shell.decision_table import read_parquet
from selfright import decisions_command
from selfright.decision_filter import concerns_arm
from selfright.moments import age, local_iso, parse_moment, with_age
from selfright.running_stack import write_run_settings
from tests.shell.conftest import START_S, World

app = typer.Typer()
app.add_typer(decisions_command.app, name="decisions")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The whole story: a slow primary, the reroute, the return; then slow again, but frozen."""
    found = World(tmp_path_factory.mktemp("story"))
    shell = found.controller()
    found.run(shell, until_s=40)
    found.command("freeze-1", "freeze", "all")
    found.slow_s = (44.0, 60.0)
    found.run(shell, until_s=56)
    shell.close()
    return found


@pytest.fixture
def data_dir(world: World, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The story's data folder, its store in memory."""
    folder = world.folder / "a"
    endpoints = Endpoints(redis="redis://127.0.0.1:1/0", kafka="127.0.0.1:1")
    write_run_settings(Settings(service="shop", data_dir=folder, endpoints=endpoints))
    monkeypatch.setattr(decisions_command, "open_store", lambda _: world.store)
    return folder


def decisions(data_dir: Path, *arguments: str) -> Result:
    line = ["decisions", *arguments, "--data-dir", str(data_dir)]
    return CliRunner(env={"COLUMNS": "220"}).invoke(app, line)


def listed(data_dir: Path, *arguments: str) -> list[dict[str, Any]]:
    result = decisions(data_dir, "list", "--json", *arguments)
    assert result.exit_code == 0, result.output + result.stderr
    return [json.loads(line) for line in result.output.splitlines()]


def test_list_filters_by_time_playbook_phase_and_arm(data_dir: Path, world: World) -> None:
    records = world.records()
    (acting,) = (each for each in records if each["phase"] == "acting")
    until = ("--until", local_iso(acting["at_s"]))
    assert [r["phase"] for r in listed(data_dir, *until)] == ["elected", "opened", "acting"]
    since = ("--since", str(int(acting["at_s"]) + 1))
    assert all(r["at_s"] > acting["at_s"] for r in listed(data_dir, *since))
    assert [r["id"] for r in listed(data_dir, "--phase", "acting")] == [acting["id"]]
    assert listed(data_dir, "--playbook", "other") == []
    of_arm = listed(data_dir, "--arm", "fallback", "--playbook", "slow-primary", "--last", "1")
    assert concerns_arm(of_arm[0], "fallback")


def test_a_phase_that_does_not_exist_is_named_with_those_that_do(data_dir: Path) -> None:
    result = decisions(data_dir, "list", "--phase", "nonsense")
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert "--phase: there is no phase 'nonsense'; accepted: acting, asked, " in line
    assert listed(data_dir, "--phase", "promoted") == [], "it exists, and nothing was"


def test_an_arm_that_does_not_exist_is_named_with_those_that_do(
    data_dir: Path, tmp_path: Path
) -> None:
    result = decisions(data_dir, "list", "--arm", "nowhere")
    assert result.exit_code == 2
    assert "--arm: there is no arm 'nowhere', nor a record that names one; accepted: " in (
        result.stderr
    )
    file = tmp_path / "log.jsonl"
    decisions(data_dir, "export", "-o", str(file))
    result = decisions(data_dir, "list", "--source", str(file), "--arm", "nowhere")
    assert result.exit_code == 0, "nobody knows the arms of a file"
    assert result.stderr == "selfright: no record names arm nowhere\n"
    assert decisions(data_dir, "list", "--arm", "primary").stderr == ""


def test_an_arm_is_not_another_whose_name_begins_alike() -> None:
    document = {
        "conditions": [{"text": "ctr{arm=primary-2} > 1 %"}],
        "claims_before": [],
        "claims_after": [],
        "incident": None,
    }
    assert concerns_arm(document, "primary-2")
    assert not concerns_arm(document, "primary")


def test_moments_are_read_as_people_write_them() -> None:
    now_s = START_S + 7_200.0
    assert parse_moment("2h ago", now_s) == START_S
    assert parse_moment("90m", now_s) == now_s - 5_400.0
    assert parse_moment("now", now_s) == now_s
    assert parse_moment(local_iso(START_S), now_s) == START_S
    assert parse_moment("2025-11-24T16:00:00+00:00", now_s) == START_S
    naive = datetime.fromtimestamp(START_S).astimezone().replace(tzinfo=None).isoformat()
    assert parse_moment(naive, now_s) == START_S
    assert parse_moment(naive.partition("T")[2], now_s) == START_S
    assert with_age(START_S, now_s).endswith("(2 h ago)")
    for bad in ("", "yesterday", "2 weeks", "25:99", "-1h", "1e99"):
        with pytest.raises(BadInput, match="--since: is not a time"):
            parse_moment(bad, now_s, "--since")


def test_a_bad_time_is_one_line_and_two(data_dir: Path) -> None:
    result = decisions(data_dir, "list", "--since", "soon")
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert "accepted: " in result.stderr


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_an_export_holds_the_log_byte_for_byte(
    data_dir: Path, world: World, tmp_path: Path, form: str
) -> None:
    path = tmp_path / f"log.{form}"
    result = decisions(data_dir, "export", "-o", str(path), "--json")
    assert json.loads(result.output) == {
        "file": str(path),
        "format": form,
        "records": len(world.log()),
    }
    read = read_parquet(path) if form == "parquet" else path.read_bytes().splitlines()
    assert read == world.log()


def test_bad_exports_are_one_line_and_two(data_dir: Path, tmp_path: Path) -> None:
    for arguments, said in (
        (("-o", str(tmp_path / "log.csv")), "accepted: jsonl, parquet"),
        (("-o", str(tmp_path / "no" / "log.jsonl")), "cannot be written"),
        (("-o", str(tmp_path / "no" / "log.parquet")), "cannot be written"),
    ):
        result = decisions(data_dir, "export", *arguments)
        assert result.exit_code == 2
        assert said in result.stderr
    with pytest.raises(BadInput, match="cannot be read"):
        read_parquet(tmp_path / "none.parquet")


def test_show_tells_conditions_guards_and_claims(data_dir: Path, world: World) -> None:
    (acting,) = (r for r in world.records() if r["phase"] == "acting")
    shown = decisions(data_dir, "show", acting["id"]).output
    assert local_iso(acting["at_s"]) in shown
    assert acting["conditions"][0]["sentence"] in shown
    assert "claim made" in shown


def explained(data_dir: Path, since_s: float, *arguments: str) -> list[dict[str, Any]]:
    at = local_iso(START_S + since_s)
    result = decisions(data_dir, "explain", "--at", at, "--json", *arguments)
    assert result.exit_code == 0, result.output + result.stderr
    return [json.loads(line) for line in result.output.splitlines()]


def test_explain_says_why_nothing_happened(data_dir: Path) -> None:
    moment, watched = explained(data_dir, 4.0)
    assert moment["sentence"] == "nothing was decided; 1 watched, 0 of them met; 0 incidents open"
    (condition,) = watched["conditions"]
    assert (condition["value"], condition["margin"], condition["met"]) == (50.0, -150.0, "not met")
    assert "did nothing: its condition was not met" in watched["sentence"]


def test_explain_tells_how_long_a_condition_held_so_far(data_dir: Path, world: World) -> None:
    (acting,) = (r for r in world.records() if r["phase"] == "acting")
    _, watched = explained(data_dir, acting["at_s"] - START_S - 1.0)
    (condition,) = watched["conditions"]
    assert (condition["held_s"], condition["margin"]) == (1.0, 200.0)


def test_explain_tells_what_was_decided_and_what_is_open(data_dir: Path, world: World) -> None:
    (acting,) = (r for r in world.records() if r["phase"] == "acting")
    kinds = [each["kind"] for each in explained(data_dir, acting["at_s"] - START_S)]
    assert kinds == ["moment", "decided", "decided", "watched"]
    later = explained(data_dir, acting["at_s"] - START_S + 1.0)
    (incident,) = (each for each in later if each["kind"] == "open")
    assert incident["incident"] == acting["incident"]
    text = decisions(data_dir, "explain", "--at", local_iso(acting["at_s"] + 1.0)).output
    assert "it clears when" in text


def test_explain_names_the_guard_in_the_way(data_dir: Path) -> None:
    (watched,) = (e for e in explained(data_dir, 52.0) if e["kind"] == "watched")
    assert [guard["guard"] for guard in watched["guards"]] == ["freeze"]


def test_a_time_no_journal_covers_is_one_clear_line(data_dir: Path) -> None:
    for at in ("2h ago", local_iso(START_S - 100.0), local_iso(START_S + 900.0)):
        result = decisions(data_dir, "explain", "--at", at)
        assert result.exit_code == 2
        assert result.stderr.count("\n") == 1
        assert "no journal covers" in result.stderr
    result = decisions(data_dir, "explain", "--at", local_iso(START_S + 9.0), "--playbook", "no")
    assert "loaded: slow-primary" in result.stderr


def test_times_in_the_list_are_local_and_relative(data_dir: Path, world: World) -> None:
    first = world.records()[0]["at_s"]
    output = decisions(data_dir, "list").output
    assert local_iso(first)[:19] in output
    assert age(first, time.time()) in output
