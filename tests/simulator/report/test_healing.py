"""Which fault an incident is about, and when a fault counts as healed."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.report.evidence import Evidence
from simulator.report.exchanges import Exchanges
from simulator.report.healing import Healing, healings
from simulator.report.truth import GroundTruth

START_S = 1_767_571_200.0
SAYS = {
    "route": "routes 100 % of primary to fallback",
    "notify": "notifies recs-oncall",
    "freeze": "freezes promotions",
    "retrain": "retrains primary",
}


def truth(
    name: str, on_s: float, off_s: float, right: tuple[str, ...], deadline_s: float | None = None
) -> GroundTruth:
    on_at_s, off_at_s = START_S + on_s, START_S + off_s
    return GroundTruth(name, on_at_s, off_at_s, "c", right, bool(right), deadline_s)


def incident(
    name: str, opened_s: float, held_s: float, *rungs: tuple[float, tuple[str, ...]]
) -> list[dict[str, Any]]:
    """Opened, one acting record a rung, recovered 60 s after the last of them."""
    lives: list[tuple[float, str, dict[str, Any]]] = [(opened_s, "opened", {})]
    for at_s, kinds in rungs:
        lives.append((at_s, "acting", {"moves": [SAYS[kind] for kind in kinds]}))
    lives.append((max([opened_s, *(at_s for at_s, _ in rungs)]) + 60.0, "recovered", {}))
    return [
        {
            "id": f"{name}-{number}",
            "at_s": START_S + at_s,
            "phase": phase,
            "sentence": phase,
            "incident": f"{name}-1",
            "playbook": name,
            "enforced": True,
            "conditions": [{"met": "met", "held_s": held_s}],
            "details": details,
        }
        for number, (at_s, phase, details) in enumerate(lives)
    ]


def healed(truths: list[GroundTruth], *told: list[dict[str, Any]]) -> dict[str, Healing]:
    records = sorted((r for records in told for r in records), key=lambda r: float(r["at_s"]))
    seen = Evidence(
        "selfright simulate x",
        START_S,
        START_S + 3_600.0,
        Exchanges.of([]),
        truths=truths,
        records=records,
    )
    return {healing.fault: healing for healing in healings(seen)}


STALE = truth("stale_features", 60.0, 960.0, ("notify", "freeze", "route"), 420.0)
SLOW = truth("slow_primary", 100.0, 200.0, ("route", "scale"), 30.0)


def test_an_incident_is_about_the_fault_its_actions_help_against_not_the_latest() -> None:
    shift = truth("input_shift", 350.0, 950.0, ("retrain",))
    records = incident("stale-features", 387.0, 30.0, (387.5, ("notify", "freeze")))
    found = healed([STALE, shift], records)
    assert found["stale_features"].incident == "stale-features-1"
    assert found["stale_features"].why == "incident stale-features-1 recovered"
    assert found["input_shift"].incident is None
    assert not found["input_shift"].healed


def test_a_fault_that_came_after_the_condition_held_did_not_cause_it() -> None:
    late = truth("slow_primary", 380.0, 500.0, ("route", "scale"), 30.0)
    stale = incident(
        "stale-features", 387.0, 30.0, (387.5, ("notify", "freeze")), (990.0, ("route",))
    )
    slow = incident("slow-primary", 385.0, 3.0, (385.5, ("route",)))
    found = healed([STALE, late], stale, slow)
    assert found["stale_features"].incident == "stale-features-1"
    assert found["slow_primary"].incident == "slow-primary-1"
    assert all(healing.healed for healing in found.values())


def test_of_two_faults_that_fit_alike_the_latest_is_meant() -> None:
    records = incident("slow-primary", 105.0, 3.0, (105.5, ("route",)))
    assert healed([STALE, SLOW], records)["slow_primary"].incident == "slow-primary-1"


def test_a_fault_just_off_is_meant_only_when_none_that_is_on_fits() -> None:
    records = incident("slow-primary", 230.0, 10.0, (230.5, ("route",)))
    assert healed([SLOW, truth("nothing", 210.0, 400.0, ())], records)["slow_primary"].incident
    assert healed([STALE, SLOW], records)["stale_features"].incident == "slow-primary-1"


def test_without_a_fault_that_fits_it_is_the_latest_before_it() -> None:
    records = incident("drifting-inputs", 150.0, 3.0, (150.5, ("retrain",)))
    found = healed([STALE, SLOW], records)
    assert found["slow_primary"].incident == "drifting-inputs-1"
    assert not found["slow_primary"].healed


@pytest.mark.parametrize(
    ("rungs", "why"),
    [
        ([(105.0, ("route",))], ""),
        ([(130.0, ("route",))], ""),
        ([(130.5, ("route",))], "no right action (route, scale) within 30 s"),
        ([(105.0, ("notify",))], "no right action (route, scale) within 30 s"),
        ([], "no right action (route, scale) within 30 s"),
        (
            [(105.0, ("notify",)), (140.0, ("route",))],
            "no right action (route, scale) within 30 s",
        ),
    ],
)
def test_a_right_action_must_be_public_before_the_deadline(
    rungs: list[tuple[float, tuple[str, ...]]], why: str
) -> None:
    healing = healed([SLOW], incident("slow-primary", 104.0, 3.0, *rungs))["slow_primary"]
    assert healing.healed == (not why)
    assert healing.why == (why or "incident slow-primary-1 recovered")
    assert (healing.recovered_s is None) == bool(why)


def test_without_a_deadline_a_right_action_counts_at_any_time() -> None:
    live = truth("slow_primary", 100.0, 200.0, ("route",))
    records = incident("slow-primary", 104.0, 3.0, (190.0, ("route",)))
    assert healed([live], records)["slow_primary"].healed
    wrong = incident("slow-primary", 104.0, 3.0, (105.0, ("notify",)))
    assert healed([live], wrong)["slow_primary"].why == "no right action (route)"


def test_a_fault_that_nothing_watches_reads_not_healed_and_says_what_was_missing() -> None:
    unseen = truth("null_features", 100.0, 1_200.0, ("notify", "route"), 900.0)
    healing = healed([unseen])["null_features"]
    assert not healing.healed
    assert healing.why == (
        "no incident was opened, so no right action (notify, route) within 900 s"
    )


def test_a_plan_that_was_only_advised_is_no_action() -> None:
    records = incident("slow-primary", 104.0, 3.0, (105.0, ("route",)))
    for record in records:
        record["enforced"] = False
    assert not healed([SLOW], records)["slow_primary"].healed
