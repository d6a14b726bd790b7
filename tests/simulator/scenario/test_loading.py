"""A scenario says in YAML what the run takes as plain objects, and can be written down again."""

from __future__ import annotations

import shutil
from pathlib import Path

import jsonschema
import pytest

from controller.language.loading import check, load_playbooks
from controller.monitors.layers import catalogue_of
from controller.settings import Settings
from selfright.demo import demo_settings
from simulator.faults import FAULTS
from simulator.faults.planned_deploy import PlannedDeploy
from simulator.faults.slow_primary import SlowPrimary
from simulator.live.faults.slow_primary import DELAY_MS
from simulator.scenario.document import read_document, to_yaml
from simulator.scenario.loading import (
    PLAYBOOKS,
    scenario_from_document,
    scenario_from_file,
    scenario_from_text,
)
from simulator.scenario.model import Acts, Command, Deploy, Quiet, Recovers, Serves
from simulator.scenario.random_faults import FAULTS_MOST, UNSEEN
from simulator.scenario.random_mix import CALM_S, random_document, random_scenario
from simulator.scenario.schema import json_schema
from simulator.scenario.shipped import shipped, whys
from simulator.spec import MONDAY_S, Burst

WHOLE = """
version: 1
scenario: whole
why: Everything that may be said.
duration: 10m
starts: tue 09:30
settings: {probe_per_s: 20, attribution_window_s: 10}
playbooks: shipped
traffic:
  rate: 120/m
  day_ratio: 2.3
  shots: 3/day
  bursts: [{at: 1m, for: 30s, factor: 2}]
users: {users: 50, items: 40, ctr: 7.5%, churn: 2%/day, click_model: cascade, delay: 2s}
service:
  routers: 2
  arms:
    primary: {latency: 30ms, replicas: 3, cold: 1s, cold_for: 8s, personal: false}
  train: 90s
faults:
  - slow_primary: {at: 60s, for: 2m, delay: 400ms}
  - planned_deploy: {at: 4m, for: 40s, what: build 7}
commands: [{at: 5m, verb: freeze, target: all}]
deploys: [{at: 2m, what: prices, kind: price, who: finance}]
expect:
  - acts: {playbook: slow-primary, action: route, of: 1, within: 15s}
  - recovers: {within: 4m}
  - quiet: {except_for: [slow-primary]}
  - serves: {at_least: 99.9%}
"""


def test_every_field_arrives_in_the_units_of_the_world() -> None:
    found = scenario_from_text(WHOLE)
    assert (found.name, found.duration_s) == ("whole", 600.0)
    assert found.settings.probe_per_s == 20.0
    world = found.world
    assert world.start_s == MONDAY_S + 86_400.0 + 9.5 * 3_600.0
    assert (world.traffic.rate_per_s, world.traffic.shots_per_day) == (2.0, 3.0)
    assert world.traffic.bursts == (Burst(60.0, 30.0, 2.0, name="burst 1"),)
    assert (world.users.ctr, world.users.churn_per_day) == (0.075, 0.02)
    assert (world.users.click_model, world.users.delay_s) == ("cascade", 2.0)
    primary = world.arm("primary")
    assert (primary.latency_ms, primary.replicas, primary.cold_ms) == (30.0, 3, 1_000.0)
    assert (primary.cold_s, primary.personal) == (8.0, False)
    assert (world.routers, world.train_s) == (2, 90.0)
    assert found.faults == (
        SlowPrimary(at_s=60.0, for_s=120.0, delay_ms=400.0),
        PlannedDeploy(at_s=240.0, for_s=40.0, what="build 7"),
    )
    assert found.commands == (Command(300.0, "freeze", "all"),)
    assert found.expectations == (
        Acts("slow-primary", "route", 1, 15.0),
        Recovers(240.0),
        Quiet(("slow-primary",)),
        Serves(0.999),
    )


def test_a_planned_deploy_is_announced_among_the_others() -> None:
    deploys = scenario_from_text(WHOLE).deploys
    assert deploys == (
        Deploy(120.0, "price", "prices", "finance"),
        Deploy(240.0, "deploy", "build 7"),
    )


def test_what_is_not_said_is_the_default(tmp_path: Path) -> None:
    found = scenario_from_text("version: 1\nscenario: x\nwhy: y\nduration: 1m\n")
    assert found.settings == Settings(playbooks=PLAYBOOKS["shipped"])
    assert found.world.start_s == MONDAY_S
    assert found.faults == ()


def test_the_document_written_as_yaml_is_the_scenario_again() -> None:
    found = scenario_from_text(WHOLE)
    assert scenario_from_text(to_yaml(found.document)) == found


def test_paths_start_at_the_file_and_mean_the_same_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(PLAYBOOKS["demo"], tmp_path / "mine")
    (tmp_path / "ratings.csv").write_text("userId,movieId,rating,timestamp\n")
    file = tmp_path / "x.yaml"
    file.write_text(
        "version: 1\nscenario: x\nwhy: y\nduration: 1m\nplaybooks: mine\n"
        "users: {ratings: ratings.csv}\n"
    )
    found = scenario_from_file(file)
    assert found.settings.playbooks == tmp_path / "mine"
    assert found.world.users.ratings == tmp_path / "ratings.csv"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert scenario_from_document(found.document).settings == found.settings


def test_other_playbooks_replace_those_of_the_file(tmp_path: Path) -> None:
    found = scenario_from_file(shipped()["nothing"], playbooks=PLAYBOOKS["demo"])
    assert found.settings.playbooks == PLAYBOOKS["demo"]
    assert scenario_from_document(found.document).settings == found.settings


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_scenario_loads_under_its_own_name_and_fits_the_json_schema(name: str) -> None:
    path = shipped()[name]
    found = scenario_from_file(path)
    assert found.name == name
    assert found.expectations
    jsonschema.validate(read_document(path)[0], json_schema())


def test_there_is_a_shipped_scenario_for_every_fault() -> None:
    scenarios = [scenario_from_file(path) for path in shipped().values()]
    assert {fault.name for each in scenarios for fault in each.faults} == set(FAULTS)
    assert whys().keys() == shipped().keys()


def test_the_demo_scenario_is_what_the_live_demo_does(tmp_path: Path) -> None:
    story = scenario_from_file(shipped()["demo"])
    assert story.faults == (SlowPrimary(at_s=20.0, for_s=30.0, delay_ms=DELAY_MS),)
    assert (story.world.traffic.rate_per_s, story.duration_s) == (60.0, 90.0)
    live = demo_settings(tmp_path)
    same = {"service", "probe_per_s", "attribution_window_s", "cache_ttl_s", "playbooks"}
    assert live.model_dump(include=same) == story.settings.model_dump(include=same)
    assert live.playbooks.is_dir()
    assert live.faults_enabled


def test_brisk_playbooks_are_the_shipped_ones_without_a_finding() -> None:
    settings = Settings()
    catalogue = catalogue_of(settings)
    assert check([PLAYBOOKS["brisk"]], settings, catalogue) == []
    brisk = load_playbooks(PLAYBOOKS["brisk"], settings, catalogue)
    ours = load_playbooks(PLAYBOOKS["shipped"], settings, catalogue)
    assert [_moves(each) for each in brisk] == [_moves(each) for each in ours]


def _moves(playbook: object) -> object:
    name, rungs = playbook.name, playbook.rungs  # type: ignore[attr-defined]
    return name, [[type(move.action) for move in rung] for rung in rungs]


@pytest.mark.parametrize("seed", range(40))
def test_random_scenarios_repeat_and_leave_time_to_recover(seed: int) -> None:
    found = random_scenario(seed)
    assert random_scenario(seed) == found
    assert scenario_from_text(to_yaml(random_document(seed))) == found
    assert 360.0 <= found.duration_s <= 480.0
    assert 10.0 <= found.world.traffic.rate_per_s <= 25.0
    assert len(found.faults) <= FAULTS_MOST
    assert all(fault.off_s <= found.duration_s - CALM_S for fault in found.faults)


def test_random_scenarios_use_every_fault_sooner_or_later() -> None:
    seen = {
        name for seed in range(400) for entry in random_document(seed)["faults"] for name in entry
    }
    assert seen == set(FAULTS) - UNSEEN
