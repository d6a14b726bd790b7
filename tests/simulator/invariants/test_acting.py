"""What may act: only on data that was there, within budget and cooldown, with claims of its own."""

from __future__ import annotations

from typing import Any

import pytest

SLOW_FOR_AN_ARM = {
    "playbook": "slow",
    "for_each": "arm",
    "when": "arm_latency_ms.p95{arm=$arm} > 150ms for 2s",
}


def slow_key(run: Any) -> Any:
    return next(key for key in run.readings if key.name == "arm_latency_ms.p95")


def open_with(run: Any, **seen: Any) -> None:
    name = run.incident()
    run.commit(run.record("opened", incident=name, conditions=[run.seen(**seen)]))


@pytest.mark.parametrize("state", ["insufficient", "stale", "down"])
def test_missing_data_taken_for_good_is_seen(run: Any, state: str) -> None:
    run.read(slow_key(run), 400.0, state)
    open_with(run, state="ok")
    assert run.names == {"acts-on-data-only"}


@pytest.mark.parametrize("state", ["insufficient", "stale", "down", "idle"])
def test_unknown_opens_nothing_under_hold(run: Any, state: str) -> None:
    run.read(slow_key(run), None, state)
    open_with(run, met="not met" if state == "idle" else "unknown")
    assert run.names == {"acts-on-data-only"}


def test_a_value_the_monitors_never_gave_is_seen(run: Any) -> None:
    run.read(slow_key(run), 50.0)
    open_with(run, value=400.0)
    assert run.names == {"acts-on-data-only"}


def test_values_are_compared_as_they_are_journaled(run: Any) -> None:
    run.read(slow_key(run), 400.123456789)
    open_with(run, value=400.123)
    assert run.broken == []


def test_a_reading_that_is_not_over_the_threshold_opens_nothing(run: Any) -> None:
    run.read(slow_key(run), 150.0)
    open_with(run)
    assert run.names == {"acts-on-data-only"}


def test_a_condition_that_did_not_hold_long_enough_opens_nothing(run: Any) -> None:
    run.read(slow_key(run), 400.0)
    open_with(run, held_s=1.0)
    assert run.names == {"acts-on-data-only"}


def test_conditions_of_another_playbook_are_seen(run: Any) -> None:
    run.read(slow_key(run), 400.0)
    open_with(run, text="arm_latency_ms.p95{arm=primary} > 15ms for 2s")
    assert run.names == {"acts-on-data-only"}


def _playbook(base: dict[str, Any], **changes: Any) -> list[dict[str, Any]]:
    return [{**base, **changes}]


def test_unknown_counts_as_met_where_the_playbook_says_so(hand_made: Any) -> None:
    run = hand_made(_playbook(hand_made.playbook, no_data="act"))
    run.elect()
    run.read(slow_key(run), None, "down")
    open_with(run, met="unknown")
    assert run.broken == []


def test_a_conditions_own_policy_wins(hand_made: Any) -> None:
    when = {"if": "arm_latency_ms.p95{arm=primary} > 150ms", "for": "2s", "no_data": "act"}
    run = hand_made(_playbook(hand_made.playbook, when=when))
    run.elect()
    run.read(slow_key(run), None, "down")
    open_with(run, met="unknown")
    assert run.broken == []


@pytest.mark.parametrize("kind", ["all", "any"])
def test_trees_are_folded_as_the_language_says(hand_made: Any, kind: str) -> None:
    """One condition met, one unknown: `any` opens, `all` does not."""
    bad = "arm_bad{arm=primary} > 20%"
    default = hand_made.playbook
    run = hand_made(_playbook(default, when={kind: [default["when"], bad]}))
    run.elect()
    run.read(slow_key(run), 400.0)
    unknown = run.seen(text=bad, met="unknown", value=None, state="unrecorded")
    run.commit(run.record("opened", incident=run.incident(), conditions=[run.seen(), unknown]))
    assert run.names == (set() if kind == "any" else {"acts-on-data-only"})


def test_an_idle_arm_is_met_in_neither_polarity(hand_made: Any) -> None:
    default = hand_made.playbook
    run = hand_made(_playbook(default, when={"not": default["when"]}))
    run.elect()
    run.read(slow_key(run), None, "idle")
    open_with(run, met="met")
    assert run.names == {"acts-on-data-only"}


def test_a_variable_is_bound_to_the_incidents_target(hand_made: Any) -> None:
    run = hand_made(_playbook({**hand_made.playbook, **SLOW_FOR_AN_ARM}))
    run.elect()
    run.read(slow_key(run), 400.0)
    name = f"slow-primary-{run.epoch}-{run.revision + 1}"
    run.commit(run.record("opened", incident=name, conditions=[run.seen()]))
    assert run.broken == []
    run.at_s += 100.0
    name = f"slow-fallback-{run.epoch}-{run.revision + 1}"
    run.commit(run.record("opened", incident=name, conditions=[run.seen()]))
    assert run.names == {"acts-on-data-only"}


def test_a_cooldown_counts_from_when_it_acted(run: Any) -> None:
    run.recover(run.open())
    run.at_s += 57.0
    run.recover(run.open())
    assert run.names == {"cooldowns-are-kept"}


def test_after_the_cooldown_it_may_open_again(run: Any) -> None:
    run.recover(run.open())
    run.at_s += 58.0
    run.recover(run.open())
    assert run.broken == []


def test_one_act_more_than_the_budget_is_seen(run: Any) -> None:
    for _ in range(3):
        run.recover(run.open())
        run.at_s += 100.0
    assert run.names == {"budgets-are-kept"}


def test_an_act_of_exactly_one_span_ago_is_forgotten(run: Any) -> None:
    for _ in range(2):
        run.recover(run.open())
        run.at_s += 298.0
    run.recover(run.open())
    assert run.broken == []


def test_an_undo_that_erases_anothers_claim_is_seen(run: Any) -> None:
    name, other = run.open(), f"slow-fallback-{run.epoch}-{run.revision + 1}"
    run.commit(run.record("joined", incident=other, claims_after=[*run.claims, run.route(other)]))
    run.broken.clear()  # what it joined on is not the matter here
    run.commit(run.record("recovered", incident=other, claims_after=[]))
    assert run.names == {"claims-are-ones-own"}
    assert f"{name} loses its route" in run.broken[0].sentence


def test_claims_that_vanish_between_records_are_seen(run: Any) -> None:
    run.open()
    run.commit(run.record("blocked", claims_before=[], claims_after=[]))
    assert "claims-are-ones-own" in run.names


def test_a_drained_arm_with_more_traffic_than_claimed_is_seen(run: Any) -> None:
    run.open()
    run.commit(run.record("blocked"), arms=_arms(run, 0.5))
    assert run.names == {"claims-are-in-the-plan"}


def test_a_stage_gives_back_what_it_says(run: Any) -> None:
    name = run.open()
    claims = [{**run.claims[0], "returned": 0.5}]
    run.commit(run.record("returning", incident=name, claims_after=claims))
    assert run.broken == []
    run.commit(run.record("blocked"), arms=_arms(run, 0.6))
    assert run.names == {"claims-are-in-the-plan"}


def test_without_claims_the_shares_are_the_baseline(run: Any) -> None:
    run.commit(run.record("blocked"), arms=_arms(run, 0.5))
    assert run.names == {"claims-are-in-the-plan"}


def test_a_person_may_override_and_release(run: Any) -> None:
    shares = {"primary": 0.3, "fallback": 0.7}
    claim = {"owner": "c1", "kind": "shares", "priority": 1000, "since_s": 0.0, "shares": shares}
    said = {"who": "ann", "verb": "override", "target": "primary=0.3", "accepted": True}
    owners = run.published()["owners"]
    mine = {**owners, "arms.primary.share": "c1", "arms.fallback.share": "c1"}
    order = run.record("operator", command_id="c1", details=said, claims_after=[claim])
    lines = run.seal(order)
    run.claims = []  # shares of people are not folded here
    plan = run.published(arms=_arms(run, 0.3), owners=mine)
    run.claims = [claim]
    run.step(lines, plan)
    assert run.broken == []
    release = {**said, "verb": "release", "target": "c1"}
    run.commit(run.record("operator", command_id="c2", details=release, claims_after=[]))
    assert run.broken == []


def test_a_number_nobody_claims_is_seen(run: Any) -> None:
    run.commit(run.record("blocked"), shed_share=0.2)
    assert run.names == {"claims-are-in-the-plan"}


def _arms(run: Any, primary: float) -> dict[str, Any]:
    arms: dict[str, Any] = run.published()["arms"]
    arms["primary"]["share"] = primary
    arms["fallback"]["share"] = 1.0 - primary
    return arms
