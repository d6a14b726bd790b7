"""A run is (code, seed, scenario): it repeats byte for byte, and the future never reaches back."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from simulator.scenario.document import to_yaml
from simulator.scenario.model import Scenario
from simulator.virtual.courier import Courier
from simulator.virtual.run import VirtualRun, run_scenario
from simulator.world.delivery import Delivery

COMMAND = str(Path(sys.executable).parent / "selfright")


def test_same_seed_same_bytes_in_two_processes_that_hash_differently(
    small: Callable[..., Scenario], tmp_path: Path
) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(to_yaml(small().document), encoding="utf-8")
    for hash_seed in ("1", "2"):
        subprocess.run(
            [COMMAND, "simulate", str(path), "--seed", "7", "--log", str(tmp_path / hash_seed)],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            check=True,
        )
    first, second = (tmp_path / name for name in ("1", "2"))
    log = (first / "decisions" / "records.jsonl").read_bytes()
    assert len(log.splitlines()) > 5
    assert log == (second / "decisions" / "records.jsonl").read_bytes()
    facts = sorted((first / "journal").iterdir())
    assert [path.name for path in facts] == [p.name for p in sorted((second / "journal").iterdir())]
    assert [path.read_bytes() for path in facts] == [
        (second / "journal" / path.name).read_bytes() for path in facts
    ]


def test_another_seed_is_another_run(small: Callable[..., Scenario]) -> None:
    assert run_scenario(small(), 1).log != run_scenario(small(), 2).log


def test_a_fault_after_a_time_changes_nothing_before_it(
    small: Callable[..., Scenario], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = small()
    later = [
        *before.document["faults"],  # type: ignore[misc]
        {"errors": {"at": "90s", "for": "20s", "share": "50%"}},
        {"flash_crowd": {"at": "100s", "for": "30s", "factor": 2}},
    ]
    told, told_later = _told(before, monkeypatch), _told(small(faults=later), monkeypatch)
    start_s = before.world.start_s
    assert _until(told, start_s + 90.0) == _until(told_later, start_s + 90.0)
    assert _until(told, start_s + 150.0) != _until(told_later, start_s + 150.0)


def test_batches_sent_as_bytes_lead_to_the_same_log(
    small: Callable[..., Scenario], monkeypatch: pytest.MonkeyPatch
) -> None:
    by_reference = run_scenario(small(), 3)
    monkeypatch.setattr(Courier, "_put", _put_encoded)
    encoded = run_scenario(small(), 3)
    assert encoded.log == by_reference.log
    assert len(encoded.log) > 5


def test_serving_every_request_one_by_one_leads_to_the_same_log(
    small: Callable[..., Scenario],
) -> None:
    assert run_scenario(small(), 4, stepwise=True).log == run_scenario(small(), 4).log


def _told(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, Any]]:
    """Everything put on the bus, and every record, with its time."""
    told: list[tuple[float, Any]] = []
    run = VirtualRun(scenario, 5)
    append = run.bus.append

    def listen(topic: str, *rest: Any, columns: Any = None) -> bool:
        rows = pa.Table.from_batches([columns.batch]).to_pylist()
        told.append((run.kernel.now_s, (topic, rows)))
        return append(topic, *rest, columns=columns)

    monkeypatch.setattr(run.bus, "append", listen)
    outcome = run.run("", None)
    monkeypatch.undo()
    told += [(record["at_s"], record) for record in outcome.records]
    return told


def _until(told: list[tuple[float, Any]], at_s: float) -> list[Any]:
    return [what for when_s, what in told if when_s < at_s]


def _put_encoded(courier: Courier, delivery: Delivery) -> bool:
    from controller.telemetry.batches import encode_arrow

    value = encode_arrow(delivery.topic, delivery.batch)
    where = (delivery.partition, delivery.key)
    return courier._bus.append(delivery.topic, value, delivery.headers, *where)
