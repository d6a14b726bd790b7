"""A whole live run against a small real HTTP server and the files a stack leaves."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from controller.errors import BadInput, Unavailable
from controller.settings import Endpoints, Settings
from selfright import simulate_command
from simulator.live import run as live_run
from simulator.live.progress import Moment
from simulator.live.run import Run, run_live
from simulator.live.schedule import scheduled
from simulator.population import generated
from simulator.report.report import Report

POPULATION = generated(1)


class Heard:
    """Keeps what a run tells."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.moments: list[Moment] = []

    def say(self, line: str) -> None:
        self.lines.append(line)

    def update(self, moment: Moment) -> None:
        self.moments.append(moment)


def _settings(data_dir: Path, port: int, **more: Any) -> Settings:
    ends = Endpoints(http_port=port)
    return Settings(data_dir=data_dir, endpoints=ends, faults_enabled=True, **more)


def _run(service: Any, data_dir: Path, what: Run, heard: Heard, **more: Any) -> Report:
    async def go() -> Report:
        async with service.running():
            return await run_live(_settings(data_dir, service.port, **more), what, heard)

    return asyncio.run(go())


def _write_log(data_dir: Path, phases: list[str]) -> None:
    (data_dir / "decisions").mkdir(exist_ok=True)
    records = [
        {"id": f"1-{n}", "at_s": time.time(), "phase": phase, "sentence": f"it is {phase}"}
        | {"incident": "i1", "playbook": "p", "enforced": True, "conditions": []}
        | {"details": {"moves": ["routes 100 % of primary to fallback"]}}
        for n, phase in enumerate(phases)
    ]
    with (data_dir / "decisions" / "records.jsonl").open("a") as file:
        file.writelines(json.dumps(record) + "\n" for record in records)


def test_a_run_reports_faults_decisions_and_users(tmp_path: Path, small_service: Any) -> None:
    heard = Heard()
    path = tmp_path / "faults.json"
    _write_log(tmp_path, ["elected"])
    wrote: list[bool] = []

    def answers(number: int) -> None:
        if path.exists() and not wrote:
            wrote.append(True)
            _write_log(tmp_path, ["opened", "acting", "recovered"])

    what = Run(rate_per_s=50.0, duration_s=3.0, faults=(scheduled("slow_primary@1+1"),))
    report = _run(small_service(POPULATION, answers), tmp_path, what, heard)
    assert heard.lines[0] == what.command(tmp_path)
    assert report.command == heard.lines[0]
    assert report.passed
    assert [p.name for p in report.phases] == ["before", "during", "after"]
    assert all(p.requests > 10 for p in report.phases)
    assert [d.phase for d in report.decisions] == ["opened", "acting", "recovered"]
    assert "acting: it is acting" in heard.lines
    assert any("slow_primary" in moment.faults_on for moment in heard.moments)
    assert not path.exists()


def test_the_command_repeats_the_run(tmp_path: Path) -> None:
    what = Run(Path("my ratings.csv"), 80.0, 90.0, (scheduled("redis_gone@5"),), 3, 4)
    assert what.command(Path("here")) == (
        "selfright simulate --live --ratings 'my ratings.csv' --rate 80 --duration 90 "
        "--fault redis_gone@5 --seed 3 --population-seed 4 --data-dir here"
    )


def test_a_service_with_other_items_is_bad_input(tmp_path: Path, small_service: Any) -> None:
    strangers = small_service(generated(1, items=5_000))
    with pytest.raises(BadInput, match="items that these users do not know"):
        _run(strangers, tmp_path, Run(duration_s=1.0), Heard())
    assert not strangers.fed


def test_a_service_that_is_not_there_is_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_run, "HEALTHY_CAP_S", 0.2)
    with pytest.raises(Unavailable, match="start a service with `selfright up`"):
        asyncio.run(run_live(_settings(tmp_path, 1), Run(duration_s=1.0), Heard()))


def test_a_fault_the_service_would_not_obey_is_bad_input(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    what = Run(duration_s=9.0, faults=(scheduled("slow_primary@1+1"),))
    with pytest.raises(BadInput, match="faults_enabled: true"):
        asyncio.run(run_live(settings, what, Heard()))


def test_a_fault_that_cannot_be_put_in_place_ends_the_run(
    tmp_path: Path, small_service: Any
) -> None:
    what = Run(rate_per_s=20.0, duration_s=60.0, faults=(scheduled("redis_gone@0.2"),))
    with pytest.raises(Unavailable, match="no list of the stack's processes"):
        _run(small_service(POPULATION), tmp_path, what, Heard())


def _invoke(*words: str) -> Any:
    app = typer.Typer()
    simulate_command.register(app)
    return CliRunner().invoke(app, list(words))


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--duration", "5"], "selfright: simulate: nothing was given; accepted: one of SCENARIO"),
        (["--live", "--fault", "flood@1"], "selfright: --fault: unknown fault 'flood'"),
        (["--live", "--data-dir", "nowhere"], "no stack was started here"),
    ],
)
def test_bad_input_gets_one_line_and_exit_code_2(words: list[str], line: str) -> None:
    result = _invoke(*words)
    assert result.exit_code == 2
    assert line in result.stderr
    assert len(result.stderr.splitlines()) == 1
