"""Bugs planted in production code are caught by the right invariant; without them it is clean."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from controller.adapters.memory_store import MemoryPlanStore
from controller.core import conditions, guards, plan_fold, returning
from controller.core.draft import Draft
from controller.core.state import Incident
from controller.ports import Commit, CommitFate
from controller.telemetry.schema import SERVED
from serving.routing.table import RouteTable
from simulator.scenario.loading import scenario_from_text
from simulator.virtual.courier import Courier
from simulator.virtual.run import run_scenario
from simulator.world.delivery import Delivery
from simulator.world.piece import Message, Piece

SEED = 5
ROUTE = "{from: primary, to: fallback, share: 100%, return: {stages: [50%, 100%], every: 2s}}"
PLAYBOOK = """\
version: 1
playbook: NAME
owner: ann
why: The primary is slow.
when: "arm_latency_ms.p95{arm=primary}[5s] > 150ms for 2s"
no_data: hold
do:
  - route: ROUTE
clear_when: "arm_latency_ms.p95{arm=primary}[5s] < 90ms for CLEAR"
guards: {cooldown: COOLDOWN, budget: 9 per 1h}
"""
SCENARIO = """\
version: 1
scenario: mutation
why: The primary slows down twice.
duration: 90s
playbooks: .
traffic: {rate: 60/s}
faults:
  - slow_primary: {at: 20s, for: 8s, delay: 400ms}
  - slow_primary: {at: 60s, for: 8s, delay: 400ms}
"""


@pytest.fixture
def broken(tmp_path: Path) -> Callable[..., set[str]]:
    """Runs the small scenario under these playbooks (name to its clearing span)."""

    def run(cooldown: str = "5m", **clears: str) -> set[str]:
        for name, clear in (clears or {"slow": "3s"}).items():
            text = PLAYBOOK.replace("NAME", name).replace("ROUTE", ROUTE)
            text = text.replace("CLEAR", clear).replace("COOLDOWN", cooldown)
            (tmp_path / f"{name}.yaml").write_text(text)
        outcome = run_scenario(scenario_from_text(SCENARIO, tmp_path), SEED)
        assert len(outcome.records) > 2, "nothing happened that could be judged"
        return {each.invariant for each in outcome.broken}

    return run


def test_without_a_bug_nothing_is_broken(broken: Callable[..., set[str]]) -> None:
    assert broken() == set()


def test_without_a_bug_two_playbooks_break_nothing(broken: Callable[..., set[str]]) -> None:
    assert broken(early="3s", late="20s") == set()


def test_a_cooldown_ignored_is_caught(
    broken: Callable[..., set[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guards, "cooldown", lambda *_: None)
    assert broken() == {"cooldowns-are-kept"}


def test_a_budget_ignored_is_caught(
    broken: Callable[..., set[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guards, "budget", lambda *_: None)
    text = PLAYBOOK.replace("9 per 1h", "1 per 1h")
    monkeypatch.setattr(f"{__name__}.PLAYBOOK", text)
    assert broken(cooldown="20s") == {"budgets-are-kept"}


def test_an_epoch_not_checked_is_caught(
    broken: Callable[..., set[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The predecessor of each plan comes once more, late: routers must not take it."""

    def take_anything(table: RouteTable, plan: Any) -> bool:
        table.held = plan
        return True

    monkeypatch.setattr(RouteTable, "offer", take_anything)
    assert "epochs-only-rise" in broken()


def test_missing_data_read_as_good_is_caught(
    broken: Callable[..., set[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    compare = conditions._compare

    def hopeful(*seen: Any) -> conditions.Truth:
        truth = compare(*seen)
        return conditions.Truth.MET if truth is conditions.Truth.UNKNOWN else truth

    monkeypatch.setattr(conditions, "_compare", hopeful)
    assert "acts-on-data-only" in broken()


def test_a_state_that_is_not_ok_taken_for_ok_is_caught(
    broken: Callable[..., set[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def believe(reading: Any, since_s: float | None) -> tuple[str, str]:
        del since_s
        return ("unrecorded", "") if reading is None else ("ok", "")

    def compare(leaf: Any, reading: Any, state: str) -> conditions.Truth:
        del leaf, state
        return conditions.Truth.NOT_MET if reading.value is not None else conditions.Truth.MET

    monkeypatch.setattr(conditions, "_believe", believe)
    monkeypatch.setattr(conditions, "_compare", compare)
    assert "acts-on-data-only" in broken()


def test_a_plan_without_its_record_is_caught(
    broken: Callable[..., set[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    decide = MemoryPlanStore._decide

    def forgetful(store: MemoryPlanStore, commit: Commit) -> CommitFate:
        count = len(store._records)
        fate = decide(store, commit)
        if any(b'"phase":"acting"' in line for line in commit.records):
            del store._records[count:]
        return fate

    monkeypatch.setattr(MemoryPlanStore, "_decide", forgetful)
    assert "changes-are-recorded" in broken()


def test_one_incidents_undo_that_erases_anothers_claim_is_caught(
    broken: Callable[..., set[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = returning.begin_return

    def greedy(draft: Draft, incident: Incident, *rest: Any) -> None:
        others = tuple(
            each if each.id == incident.id else replace(each, claims=())
            for each in draft.state.incidents
        )
        draft.state = replace(draft.state, incidents=others)
        begin(draft, incident, *rest)

    monkeypatch.setattr(returning, "begin_return", greedy)
    assert "claims-are-ones-own" in broken(early="3s", late="20s")


def test_a_fold_that_lets_the_last_claim_win_is_caught(
    broken: Callable[..., set[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_fold, "_lowest_cap", lambda routes: None)
    assert "claims-are-in-the-plan" in broken()


def test_one_answer_lost_is_caught(
    broken: Callable[..., set[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Piece.answered
    lost: list[int] = []

    def losing(piece: Piece, *span: int) -> int:
        found = real(piece, *span)
        if found and not lost:
            lost.append(1)
            return found - 1
        return found

    monkeypatch.setattr(Piece, "answered", losing)
    assert broken() == {"requests-are-conserved"}


def test_one_row_dropped_from_a_served_batch_is_caught(
    broken: Callable[..., set[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row itself is gone, whatever any count says."""
    real = Piece.served
    lost: list[int] = []

    def losing(piece: Piece, second: int) -> Iterator[Message]:
        for topic, router, part in real(piece, second):
            roles = part.batch.column("role").to_pylist()
            if roles[-1] == "user" and not lost:
                lost.append(1)
                part = part.slab.part(part.start, part.num_rows - 1)
            yield topic, router, part

    monkeypatch.setattr(Piece, "served", losing)
    assert broken() == {"requests-are-conserved"}


def test_one_message_swallowed_on_its_way_is_caught(
    broken: Callable[..., set[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Courier._put
    lost: list[int] = []

    def losing(courier: Courier, delivery: Delivery) -> bool:
        if delivery.topic == SERVED and not lost:
            lost.append(1)
            return True
        return real(courier, delivery)

    monkeypatch.setattr(Courier, "_put", losing)
    assert broken() == {"requests-are-conserved"}
