"""What the README says about scenarios is so."""

from __future__ import annotations

import re
from pathlib import Path

import simulator
from controller.language.loading import load_playbooks
from controller.monitors.layers import catalogue_of
from controller.settings import Settings
from simulator.faults import FAULTS
from simulator.scenario.fault_schema import FaultEntry
from simulator.scenario.loading import scenario_from_file, scenario_from_text
from simulator.scenario.model import Acts, Quiet, Recovers, Scenario
from simulator.scenario.shipped import find_scenario, shipped

README = (Path(simulator.__file__).parent / "README.md").read_text(encoding="utf-8")
OUTLAST = {"drifting-inputs"}
"""Their incident clears only once the fault has left windows longer than its scenario."""


def test_the_example_is_a_scenario() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", README, flags=re.S)
    assert len(scenario_from_text(example).expectations) == 4


def test_the_table_has_every_fault_and_parameter() -> None:
    rows = dict(re.findall(r"^\| `([a-z_]+)` \| ([^|]*) \| [^|]*\|$", README, flags=re.M))
    for name in FAULTS:
        parameters = FaultEntry.model_json_schema()["$defs"][FAULTS[name].__name__]["properties"]
        told = set(re.findall(r"`([a-z_]+)`", rows[name]))
        assert told == parameters.keys() - {"at", "for"}


def test_every_shipped_playbook_fires_in_one_scenario_and_stays_quiet_in_another() -> None:
    """As the table says, and as the scenarios named there expect."""
    rows = re.findall(r"^\| ((?:`[a-z-]+`(?:, )?)+) \| ([^|]*) \| ([^|]*)\|$", README, flags=re.M)
    told = {name: (fires, quiet) for names, fires, quiet in rows for name in _quoted(names)}
    scenarios = {name: scenario_from_file(find_scenario(name)) for name in shipped()}
    settings = Settings()
    playbooks = load_playbooks(settings.playbooks, settings, catalogue_of(settings))
    everywhere = [s for s in scenarios.values() if Quiet() in s.expectations]
    assert _quoted(told["slow-primary"][1]) <= {s.name for s in everywhere}
    for playbook in playbooks:
        fires, quiet = told[playbook.name]
        assert _quoted(fires), f"{playbook.name} fires in no scenario"
        for name in _quoted(fires):
            assert _fires(scenarios[name], playbook.name), (playbook.name, name)
        if playbook.name not in OUTLAST:
            assert any(_clears(scenarios[name]) for name in _quoted(fires)), playbook.name
        for name in _quoted(quiet) & scenarios.keys():
            assert _is_quiet(scenarios[name], playbook.name), (playbook.name, name)


def _quoted(text: str) -> set[str]:
    return set(re.findall(r"`([a-z-]+)`", text))


def _fires(scenario: Scenario, playbook: str) -> bool:
    return any(isinstance(e, Acts) and e.playbook == playbook for e in scenario.expectations)


def _clears(scenario: Scenario) -> bool:
    return any(isinstance(e, Recovers) for e in scenario.expectations)


def _is_quiet(scenario: Scenario, playbook: str) -> bool:
    quiet = [e for e in scenario.expectations if isinstance(e, Quiet)]
    return bool(quiet) and all(playbook not in e.except_for for e in quiet)
