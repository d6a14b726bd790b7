"""`selfright budget` from a stored state: what is left, what cools, what went how."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from controller.core.state import state_to_document
from controller.shell.log_sources import STORED_FILE
from selfright.budget_command import left_of
from selfright.command import command_for
from tests.core.worlds import World, playbook


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
