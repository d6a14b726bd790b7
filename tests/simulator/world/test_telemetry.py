"""Served rows say what production's rows say, of the same things in the same words."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from controller.ports import GENESIS
from controller.settings import Settings
from controller.telemetry.schema import SERVED
from serving.arm_call import ArmAnswer
from serving.served_batch import served_batch
from serving.served_row import Asked, Attempt, Served, ServedRow
from simulator.spec import Traffic, Users, WorldSpec
from simulator.world.conditions import ArmConditions, Conditions, InputShift
from simulator.world.world import World

SETTINGS = Settings(cache_ttl_s=5.0)
OF_SCORES = ("top_score", "margin", "entropy")
"""The virtual service scores slates, not items."""
SHIFT_SD = 2.0


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    spec = WorldSpec(traffic=Traffic(rate_per_s=30.0), users=Users(users=200, items=200))
    bad = Conditions(
        arms={"primary": ArmConditions(delay_ms=150.0, delay_share=0.3, error_share=0.1)},
        null_share={"item_hour": 0.2},
        shifts=(InputShift(0.0, 0.0, SHIFT_SD),),
    )
    plan = replace(
        SETTINGS.baseline_plan(GENESIS), shed_share=0.1, probe_per_s={"primary": 2.0}, revision=4
    )
    world = World(SETTINGS, spec, 2, lambda _at_us: bad, (), (), plan)
    seconds = [delivery for second in range(1, 61) for delivery in world.second(second)]
    return [r for d in seconds if d.topic == SERVED for r in d.batch.to_pylist()]


def test_each_row_is_what_production_writes_of_the_same_request(rows: list[dict[str, Any]]) -> None:
    plan = replace(SETTINGS.baseline_plan(GENESIS), revision=4)
    produced = served_batch([_as_production(row, plan) for row in rows]).to_pylist()
    assert {row["outcome"] for row in rows} >= {"ok", "shed"}
    assert {each["result"] for row in rows for each in row["attempts"]} >= {"ok", "late", "error"}
    assert {row["cache"] for row in rows} >= {"hit", "miss", "bypass"}
    for row, theirs in zip(rows, produced, strict=True):
        mine = dict(row)
        done_s, wanted_s = mine.pop("done_at_s"), theirs.pop("done_at_s")
        assert math.isclose(done_s, wanted_s, abs_tol=1e-5)
        for name in OF_SCORES:
            assert (mine.pop(name) is None) == (theirs.pop(name) is None)
        assert mine == theirs


def test_inputs_are_told_of_a_share_and_move_with_the_world(rows: list[dict[str, Any]]) -> None:
    could = [
        r for r in rows if any(a["result"] == "ok" and a["arm"] == "primary" for a in r["attempts"])
    ]
    told = [row for row in could if row["inputs"]]
    assert 0.15 < len(told) / len(could) < 0.25
    assert not any(row["inputs"] for row in rows if row["served_by"] != "primary")
    whole = [row["inputs"] for row in told if not row["defaulted"]]
    values = [each["value"] for inputs in whole for each in inputs]
    assert abs(sum(values) / len(values) - SHIFT_SD) < 4.0 / math.sqrt(len(values))
    # Inputs belong to the groups in turn: those of item_hour are the odd ones.
    holes = [row["inputs"] for row in told if row["defaulted"] == ["item_hour"]]
    assert {n % 2 for inputs in holes for n, each in enumerate(inputs) if each["value"] == 0.0} == {
        1
    }


def test_a_personal_arm_scores_each_request_by_itself_and_an_in_process_arm_all_alike(
    rows: list[dict[str, Any]],
) -> None:
    by_arm = {
        arm: {row["top_score"] for row in rows if row["served_by"] == arm}
        for arm in ("primary", "fallback")
    }
    assert len(by_arm["fallback"]) == 1
    assert len(by_arm["primary"]) > 500
    assert all(row["margin"] > 0.0 and row["entropy"] > 0.0 for row in rows if row["slate"])


def _as_production(row: dict[str, Any], plan: Any) -> ServedRow:
    segments = {n.removeprefix("segment."): v for n, v in row.items() if n.startswith("segment.")}
    asked = Asked(row["request_id"], row["at_s"], row["user_id"], None, segments, 10)
    answer = row["slate"] and ArmAnswer(
        item_ids=tuple(shown["item_id"] for shown in row["slate"]),
        scores=(1.0,),
        version="",
        ages_s={age["group"]: age["age_s"] for age in row["feature_ages"]},
        defaulted=tuple(row["defaulted"]),
        inputs={each["feature"]: each["value"] for each in row["inputs"] or ()},
        cpu_ms=row["cpu_ms"],
    )
    attempts = [
        Attempt(a["arm"], a["model_version"], a["elapsed_ms"], a["result"], a["reason"])
        for a in row["attempts"]
    ]
    served = Served(
        role=row["role"],
        arm=row["arm"],
        propensities={each["arm"]: each["chance"] for each in row["propensities"]},
        evaluation_id="",
        unit=int.from_bytes(row["request_id"][-8:], "big"),
        attempts=attempts,
        answer=answer or None,
        served_by=row["served_by"],
        outcome=row["outcome"],
        latency_ms=row["latency_ms"],
        queue_depth=row["queue_depth"],
        cache=row["cache"],
    )
    return asked, served, plan
