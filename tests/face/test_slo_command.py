"""`selfright slo`: what is left, and objectives as OpenSLO and Prometheus files."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from controller.monitors.objectives.budgets import SPECS
from controller.settings import Objective, Settings
from selfright import openslo, prometheus_rules
from selfright.command import main
from selfright.slo_command import gone_in_s

OBJECTIVES = {
    "availability": Objective(indicator="availability", target=0.999),
    "fast": Objective(indicator="latency", target=0.95, threshold=200.0, window_s=604_800.0),
    "uplift": Objective(indicator="ctr_uplift", target=0.99, threshold=-0.05),
    "cheap": Objective(indicator="cost", target=0.9, threshold=0.35),
}
SETTINGS = Settings(objectives=OBJECTIVES)


def _run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["selfright", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "selfright.yaml").write_text("version: 1\n", encoding="utf-8")
    return tmp_path


def _write_readings(folder: Path, values: dict[str, float]) -> None:
    readings = [
        {"signal": name, "value": value, "state": "ok", "sample_size": 9, "note": ""}
        for name, value in values.items()
    ]
    (folder / ".selfright" / "run").mkdir(parents=True)
    about = {"role": "leader", "standing": "it judges", "pages": False}
    document = {**about, "at_s": 1_790_000_000.0, "readings": readings}
    (folder / ".selfright" / "run" / "readings.json").write_text(json.dumps(document))


def test_the_table_says_what_is_left_and_what_is_unknown(
    stack: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    _write_readings(
        stack,
        {
            "slo.budget_left{slo=availability}": 0.5,
            "slo.burn_rate{slo=availability}[3600s]": 15.0,
        },
    )
    assert _run(monkeypatch, "slo", "--settings", "selfright.yaml") == 0
    said = capsys.readouterr().out
    line = next(line for line in said.splitlines() if line.startswith("availability"))
    assert "50.0%" in line
    assert "99.9%" in line
    assert line.rstrip().endswith("1 d")
    assert "unknown" in next(line for line in said.splitlines() if line.startswith("latency"))
    assert "silent for" in said


def test_json_without_a_controller_holds_no_numbers(
    stack: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(monkeypatch, "slo", "--settings", "selfright.yaml", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["at_s"] is None
    assert document["objectives"]["latency"]["burn_1h"]["state"] == "unknown"


def test_a_budget_lasts_when_the_window_gives_back_what_is_used() -> None:
    assert gone_in_s(0.5, 10.0, 1_000.0) == 50.0
    assert gone_in_s(0.5, 1.0, 1_000.0) is None
    assert gone_in_s(-0.1, 0.0, 1_000.0) == 0.0
    assert gone_in_s(None, 2.0, 1_000.0) is None


def test_openslo_out_and_in_again_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "slo.yaml"
    path.write_text(openslo.exported(SETTINGS), encoding="utf-8")
    assert openslo.imported(path) == OBJECTIVES
    block = YAML(typ="safe", pure=True).load(openslo.as_settings(OBJECTIVES))
    assert Settings.model_validate(block).objectives == OBJECTIVES


def _document(**changed: Any) -> str:
    given = {
        "version": "openslo/v1",
        "annotations": "{selfright/indicator: availability}",
        "window": "{duration: 30d, isRolling: true}",
        "method": "Occurrences",
        "goals": "[{target: 0.99}]",
    } | changed
    return (
        f"apiVersion: {given['version']}\nkind: SLO\n"
        f"metadata: {{name: x, annotations: {given['annotations']}}}\n"
        f"spec:\n  timeWindow: [{given['window']}]\n"
        f"  budgetingMethod: {given['method']}\n  objectives: {given['goals']}\n"
    )


def test_a_foreign_file_with_other_kinds_and_percent_is_read(tmp_path: Path) -> None:
    path = tmp_path / "slo.yaml"
    text = "kind: Service\n---\n" + _document(goals="[{targetPercent: 99.95}]")
    path.write_text(text, encoding="utf-8")
    found = openslo.imported(path)["x"]
    assert (found.target, found.window_s) == (0.9995, 30 * 86_400.0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (_document(version="openslo/v2alpha"), "accepted: openslo/v1"),
        (_document(annotations="{}"), "lacks selfright/indicator"),
        (_document(window="{duration: 1M, isRolling: true}"), "accepted: minutes to weeks"),
        (_document(window="{duration: 30d, calendar: {}}"), "calendar window"),
        (_document(method="Timeslices"), "accepted: Occurrences"),
        (_document(goals="[{target: 0.9}, {target: 0.8}]"), "exactly one"),
        (_document(goals="[{target: 1.0}]"), "target: Input should be less than 1"),
        (_document(annotations="{selfright/indicator: latency}"), "needs a threshold"),
        ("kind: Service\n", "no document of kind SLO"),
        ("a: [1\n", "is not YAML"),
        ("- 1\n", "must be a mapping"),
    ],
)
def test_what_cannot_be_expressed_is_refused_in_one_line(
    text: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "slo.yaml"
    path.write_text(text, encoding="utf-8")
    assert _run(monkeypatch, "slo", "import", str(path)) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1


def _groups() -> list[dict[str, Any]]:
    document = YAML(typ="safe", pure=True).load(prometheus_rules.rules(SETTINGS))
    assert set(document) == {"groups"}
    groups: list[dict[str, Any]] = document["groups"]
    return groups[1:]  # the first is of the controller itself


def test_a_controller_that_is_silent_or_does_not_lead_pages() -> None:
    document = YAML(typ="safe", pure=True).load(prometheus_rules.rules(SETTINGS))
    group = document["groups"][0]
    assert group["name"] == "selfright-controller"
    silent, leaderless = group["rules"]
    assert silent["alert"] == "SelfrightControllerSilent"
    heartbeat = "selfright_controller_heartbeat_at_s"
    assert silent["expr"] == f"timestamp({heartbeat}) - {heartbeat} > 20 or absent({heartbeat})"
    assert leaderless["expr"] == "max(selfright_leader) == 0"
    assert {rule["labels"]["severity"] for rule in group["rules"]} == {"page"}


def test_rules_have_the_shape_prometheus_reads() -> None:
    exported = {"selfright_" + spec.name.replace(".", "_") for spec in SPECS}
    for group in _groups():
        recorded = {rule["record"] for rule in group["rules"] if "record" in rule}
        for rule in group["rules"]:
            assert ("record" in rule) != ("alert" in rule)
            expression = rule["expr"]
            for left, right in ("()", "{}", "[]"):
                assert expression.count(left) == expression.count(right)
            used = set(re.findall(r"\b(selfright_\w+|slo:[\w:]+)\{", expression))
            assert used
            assert used <= (recorded if "alert" in rule else exported)
            name = rule.get("record") or rule["alert"]
            assert re.fullmatch(r"[a-zA-Z_:][a-zA-Z0-9_:]*", name)


def test_a_month_has_the_four_alerts_and_a_week_those_that_burn_too_fast() -> None:
    alerts = {
        group["name"]: [rule for rule in group["rules"] if "alert" in rule] for group in _groups()
    }
    month = alerts["selfright-slo-availability"]
    limits = [re.search(r"> ([0-9.e-]+)", rule["expr"]) for rule in month]
    assert [float(found[1]) for found in limits if found] == pytest.approx(
        [0.0144, 0.006, 0.003, 0.001]
    )
    assert all(rule["expr"].count(">= 4.5") == 2 for rule in month)
    assert [r["labels"]["severity"] for r in month] == ["page", "page", "ticket", "ticket"]
    assert len(alerts["selfright-slo-fast"]) == 2


def test_export_writes_a_file_or_refuses(
    stack: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(monkeypatch, "slo", "export", "--format", "prometheus", "-o", "rules.yaml") == 0
    assert (stack / "rules.yaml").read_text().startswith("groups:")
    assert _run(monkeypatch, "slo", "export", "--format", "openslo", "-o", "nowhere/x") == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
