"""`selfright signals` needs no running system and lists what playbooks may name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from controller.monitors.layers import catalogue_of
from controller.settings import Settings
from selfright import signals_command


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    app = typer.Typer()
    signals_command.register(app)
    return lambda *arguments: CliRunner().invoke(app, list(arguments))


def test_every_signal_is_listed(run) -> None:
    result = run()
    assert result.exit_code == 0
    for spec in catalogue_of(Settings()).specs.values():
        assert spec.name in result.output


def test_json_is_for_machines(run) -> None:
    signals = json.loads(run("--json").output)
    assert [s["name"] for s in signals] == list(catalogue_of(Settings()).specs)
    assert {"unit", "labels", "default_window_s", "least_sample", "summary"} <= set(signals[0])


def test_a_missing_settings_file_is_one_line(run) -> None:
    result = run("--settings", "nowhere.yaml")
    assert result.exit_code == 2
    assert "nowhere.yaml" in result.stderr
    assert result.stderr.count("\n") == 1
