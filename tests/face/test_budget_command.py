"""`selfright budget` from a stored state: what is left, what cools, what went how."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from typer.testing import CliRunner

from controller.core.all_services import hear
from controller.core.facts import Allowance
from controller.core.limits import Cap, Limits, Rate
from controller.core.state import state_to_document
from controller.shell.log_sources import STORED_FILE
from selfright.budget_command import left_of
from selfright.command import command_for
from tests.core.worlds import SETTINGS, World, playbook


def healed() -> World:
    world = World(playbook(cooldown_s=120.0, budget_count=3))
    world.until("acting", p95=412.0, degraded=0.3)
    world.until("holding", degraded=0.0)
    world.until("recovered", p95=50.0)
    return world


def test_it_says_what_is_left_and_when_more_is_free() -> None:
    world = healed()
    left = left_of(world.state, world.at_s)
    assert left["service"][0] == {
        "budget": "actions",
        "used": 1,
        "count": 24,
        "per_s": 3600.0,
        "free_in_s": 1_003.0 + 3_600.0 - world.at_s,
    }
    assert {row["budget"] for row in left["service"]} >= {
        "class traffic",
        "target primary",
        "storm",
    }
    (book,) = left["playbooks"]
    assert (book["used"], book["count"], book["flips_last_hour"]) == (1, 3, 2)
    assert book["cools_for_s"] == {"slow-primary": 1_003.0 + 120.0 - world.at_s}
    assert book["track_record"] == {"fired": 1, "passed": 1, "recovered": 1}


def test_without_a_store_it_reads_the_copy_on_disk(tmp_path: Path) -> None:
    state = json.dumps(state_to_document(healed().state))
    stored = tmp_path / STORED_FILE
    stored.parent.mkdir()
    stored.write_text(json.dumps({"plan": None, "state": state}))
    (tmp_path / "selfright.yaml").write_text(
        f"version: 1\ndata_dir: {tmp_path}\nendpoints: {{redis: 'redis://127.0.0.1:1/0'}}\n"
    )
    arguments = ["budget", "--settings", str(tmp_path / "selfright.yaml")]
    shown = CliRunner().invoke(command_for(["budget"]), arguments)
    assert shown.exit_code == 0, shown.output
    assert "1 fired" in shown.output
    said = json.loads(CliRunner().invoke(command_for(["budget"]), [*arguments, "--json"]).output)
    assert said["playbooks"][0]["playbook"] == "slow-primary"


def under_a_cap() -> World:
    settings = replace(SETTINGS, limits=Limits(all_services=Cap("everyone", Rate(30, 3_600.0))))
    world = World(playbook(), settings=settings)
    heard = Allowance(9, 1_000.0, "somebody's", True, 28, 30, 3_600.0, 1_200.0)
    world.state = hear(world.state, heard)
    return world


def test_the_cap_on_all_services_is_shown_as_it_was_heard_last() -> None:
    world = under_a_cap()
    assert left_of(world.state, 1_060.0)["all_services"] == {
        "cap": "everyone",
        "count": 30,
        "per_s": 3_600.0,
        "used": 28,
        "heard_s_ago": 60.0,
        "free_in_s": 140.0,
    }
    assert left_of(healed().state, 1_060.0)["all_services"] is None


def test_what_is_left_of_the_cap_is_printed(tmp_path: Path) -> None:
    stored = tmp_path / STORED_FILE
    stored.parent.mkdir()
    state = json.dumps(state_to_document(under_a_cap().state))
    stored.write_text(json.dumps({"plan": None, "state": state}))
    (tmp_path / "selfright.yaml").write_text(
        f"version: 1\ndata_dir: {tmp_path}\nendpoints: {{redis: 'redis://127.0.0.1:1/0'}}\n"
    )
    arguments = ["budget", "--settings", str(tmp_path / "selfright.yaml")]
    shown = CliRunner().invoke(command_for(["budget"]), arguments)
    assert "all services together (everyone): 2 left of 30 per 60 min, as heard" in " ".join(
        shown.output.split()
    )
