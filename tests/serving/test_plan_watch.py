"""The plan as a process holds it: the baseline, what it is handed, and a person's file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from controller.core.plan import ArmPlan, Plan, Split, plan_to_document
from controller.errors import BadInput
from controller.settings import Endpoints, Settings
from serving.fault_file import ArmFault, FaultFile
from serving.override_file import read_override
from serving.plan_watch import PlanWatch, baseline_plan

SETTINGS = Settings()
PLAN = baseline_plan(SETTINGS)


def watch(data_dir: Path, taken: list[Plan] | None = None) -> PlanWatch:
    settings = SETTINGS.model_copy(update={"data_dir": data_dir})
    return PlanWatch(settings, (taken if taken is not None else []).append)


def text(plan: Plan) -> bytes:
    return json.dumps(plan_to_document(plan)).encode()


def test_without_any_plan_the_settings_route_as_epoch_0(tmp_path: Path) -> None:
    held = watch(tmp_path).table.held
    assert (held.epoch, held.revision) == (0, 0)
    assert held.arms["primary"].share == 1.0
    assert held.control_arm == "fallback"


@pytest.mark.parametrize(
    "endpoints",
    [Endpoints(redis="redis://127.0.0.1:1/0"), Endpoints(plan_url="http://127.0.0.1:1")],
)
def test_a_store_that_is_gone_leaves_the_baseline(tmp_path: Path, endpoints: Endpoints) -> None:
    settings = SETTINGS.model_copy(update={"data_dir": tmp_path, "endpoints": endpoints})
    watching = PlanWatch(settings)
    watching.load()
    assert watching.table.held.epoch == 0


@pytest.mark.parametrize("url", ["127.0.0.1:1", "http://a/path", "http://u:p@a", "ftp://a"])
def test_an_address_of_the_plan_is_scheme_host_and_port(url: str) -> None:
    with pytest.raises(ValueError, match="no address of a plan door"):
        Endpoints(plan_url=url)


def test_newer_plans_are_taken_once_and_older_ones_refused(tmp_path: Path) -> None:
    taken: list[Plan] = []
    watching = watch(tmp_path, taken)
    newer = replace(PLAN, epoch=3, revision=1)
    watching._take(text(newer))
    watching._take(text(newer))
    watching._take(text(replace(PLAN, epoch=2, revision=8)))
    assert [(plan.epoch, plan.revision) for plan in taken] == [(3, 1)]


@pytest.mark.parametrize("bad", [b"", b"{}", b"[]", b"nonsense", b'{"format": 1}', b"\xff"])
def test_what_is_no_plan_is_counted_and_changes_nothing(tmp_path: Path, bad: bytes) -> None:
    watching = watch(tmp_path)
    watching._take(bad)
    assert watching.refused_plans == 1
    assert watching.table.held == watching.table.effective(0.0)
    assert watching.table.held.epoch == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"arms": {}},
        {"arms": {"primary": ArmPlan("v", 2.0)}},
        {"arms": {"primary": ArmPlan("v", 0.3)}},
        {"arms": {"primary": ArmPlan("v", 1.0, 0.0)}},
        {"arms": {"primary": ArmPlan("v", "much")}},  # type: ignore[arg-type]
        {"control_share": 1.5},
        {"control_share": float("nan")},
        {"request_deadline_ms": 0.0},
        {"probe_per_s": {"primary": -1.0}},
        {"cache_ttl_s": -1.0},
        {"splits": (Split({}, {"primary": 7.0}),)},
    ],
)
def test_a_plan_nobody_could_route_by_is_refused(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    watching = watch(tmp_path)
    watching._take(text(replace(PLAN, epoch=1, **changes)))  # type: ignore[arg-type]
    assert watching.refused_plans == 1
    assert watching.table.held.epoch == 0


def override(path: Path, **changes: object) -> Path:
    document = {"shares": {"fallback": 1.0}, "who": "ann", "expires_at_s": 4e9} | changes
    (path / "override.json").write_text(json.dumps(document))
    return path / "override.json"


def test_an_override_file_is_obeyed_and_its_end_too(tmp_path: Path) -> None:
    watching = watch(tmp_path)
    path = override(tmp_path)
    watching._read_override()
    assert watching.table.effective(0.0).arms["fallback"].share == 1.0
    path.unlink()
    watching._read_override()
    assert watching.table.effective(0.0).arms["fallback"].share == 0.0


def test_an_expired_override_is_none(tmp_path: Path) -> None:
    watching = watch(tmp_path)
    override(tmp_path, expires_at_s=1.0)
    watching._read_override()
    assert watching.table.override is None


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"shares": {"nope": 1.0}}, "shares: unknown arm 'nope'; the arms are primary, fallback"),
        ({"shares": {"primary": 0.4}}, "the shares must sum to 1"),
        ({"who": ""}, "who"),
        ({"hwo": "x"}, "hwo"),
    ],
)
def test_a_bad_override_is_one_line_and_changes_nothing(
    tmp_path: Path, changes: dict[str, object], line: str
) -> None:
    path = override(tmp_path, **changes)
    with pytest.raises(BadInput) as refused:
        read_override(path, PLAN)
    assert line in str(refused.value)
    assert "\n" not in str(refused.value)
    watching = watch(tmp_path)
    watching._read_override()
    assert watching.table.override is None


def test_faults_are_obeyed_while_the_file_names_them(tmp_path: Path) -> None:
    path = tmp_path / "faults.json"
    faults = FaultFile(path)
    assert faults.of("primary", 0.0) is None
    path.write_text('{"arms": {"primary": {"delay_ms": 400}}, "features": {}}')
    assert faults.of("primary", 0.05) is None, "looked at no more than every 100 ms"
    assert faults.of("primary", 0.2) == ArmFault(delay_ms=400.0)
    assert faults.of("challenger", 0.2) is None
    path.write_text("half a file {")
    assert faults.of("primary", 0.4) is None
    path.unlink()
    assert faults.of("primary", 0.6) is None
