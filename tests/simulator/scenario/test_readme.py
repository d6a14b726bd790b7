"""What the README says about scenarios is so."""

from __future__ import annotations

import re
from pathlib import Path

import simulator
from simulator.faults import FAULTS
from simulator.scenario.fault_schema import FaultEntry
from simulator.scenario.loading import scenario_from_text

README = (Path(simulator.__file__).parent / "README.md").read_text(encoding="utf-8")


def test_the_example_is_a_scenario() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", README, flags=re.S)
    assert len(scenario_from_text(example).expectations) == 4


def test_the_table_has_every_fault_and_parameter() -> None:
    rows = dict(re.findall(r"^\| `([a-z_]+)` \| ([^|]*) \| [^|]*\|$", README, flags=re.M))
    for name in FAULTS:
        parameters = FaultEntry.model_json_schema()["$defs"][FAULTS[name].__name__]["properties"]
        told = set(re.findall(r"`([a-z_]+)`", rows[name]))
        assert told == parameters.keys() - {"at", "for"}
