"""Playbooks, facts and states go through JSON and come back equal."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest

from controller.core.documents import decode, encode
from controller.core.fact_document import fact_from_document, fact_to_document
from controller.core.facts import Change, Elected, Fate, Operator, Tick, WorkDone
from controller.core.playbook import (
    AnyOf,
    CacheTtl,
    Evaluate,
    Freeze,
    Move,
    NoData,
    Not,
    Notify,
    PrewarmCache,
    Promote,
    Retrain,
    Revert,
    Route,
    Scale,
    Shed,
    Webhook,
)
from controller.core.playbook_document import playbook_from_document, playbook_to_document
from controller.core.readings import Reading, ReadingState, SignalKey
from controller.core.state import Incident, state_from_document, state_to_document
from tests.core.worlds import World, above, below, both, playbook, verified

ACTIONS = (
    Route("primary", "fallback", 0.3, where={"platform": "ios"}, expires_s=60.0),
    Retrain("primary", 3_600.0),
    Evaluate("primary", "als-2"),
    Promote("als-2", "primary"),
    Revert("primary"),
    PrewarmCache("primary"),
    CacheTtl(600.0),
    Scale("primary", 3),
    Shed(0.2),
    Freeze("all", 60.0),
    Notify("chat", "hello"),
    Webhook("https://example.org", {"text": "hello"}),
)


def through_json(document: Any) -> Any:
    return json.loads(json.dumps(document, allow_nan=False))


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: type(action).__name__)
def test_a_playbook_with_any_action_comes_back_equal(action: Any) -> None:
    when = both(above("p95", 200.0, 2.0), AnyOf((Not(below("errors", 0.1, no_data=NoData.ACT)),)))
    book = playbook(when=when, rungs=((verified(action), Move(action)), (Move(action),)))
    assert playbook_from_document(through_json(playbook_to_document(book))) == book


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: type(action).__name__)
def test_every_action_folds_or_is_refused_and_never_crashes(action: Any) -> None:
    world = World(playbook(rungs=((Move(action),),)), through_json=True)
    world.tick(3, p95=412.0)
    assert {"acting", "frozen"} & set(world.phases)
    world.tick(120, p95=50.0)
    assert world.state.incidents == ()


FACTS = (
    Elected(1, 2.0, 3, "here", {"format": 1}, "head"),
    Fate(2, 3.0, "published", "head"),
    WorkDone(3, 4.0, "w1", "retrain", "done", "fine", "als-2"),
    Operator(4, 5.0, "c1", "ada", "freeze", "all", 60.0),
    Change(5, 6.0, "deploy", "build 7", "ada"),
    Tick(
        6,
        7.0,
        {
            SignalKey("ctr"): Reading(0.1 + 0.2, ReadingState.OK, 9, 1.0, 2.0),
            SignalKey("p95", (("arm", "primary"),), 5.0): Reading(
                None, ReadingState.IDLE, 0, 1.0, 2.0, "no probes"
            ),
        },
    ),
)


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: type(fact).__name__)
def test_every_fact_comes_back_equal(fact: Any) -> None:
    assert fact_from_document(through_json(fact_to_document(fact))) == fact


def test_a_loaded_fact_comes_back_equal() -> None:
    fact = World(playbook()).facts[0]
    assert fact_from_document(through_json(fact_to_document(fact))) == fact


def test_a_state_in_the_middle_of_everything_comes_back_equal() -> None:
    world = World(playbook(), playbook("asks", rungs=((Move(Promote("als-2", "primary")),),)))
    world.command("promote", "als-7:primary")
    world.command("freeze", "promotions")
    world.command("override", "primary=0.5")
    world.tick(5, p95=412.0, degraded=0.3)
    document = through_json(state_to_document(world.state))
    assert state_from_document(document) == world.state
    assert len(json.dumps(document)) < 64_000


def test_a_key_of_a_later_release_is_ignored_and_a_missing_one_is_its_default() -> None:
    world = World(playbook())
    world.tick(3, p95=412.0)
    document = encode(Incident, world.incident)
    document["from_the_future"] = 1
    del document["acknowledged_by"]
    assert decode(Incident, document) == world.incident


def test_a_document_without_what_has_no_default_is_refused() -> None:
    with pytest.raises(KeyError, match="Incident has no 'id'"):
        decode(Incident, {})


def test_an_unknown_kind_is_refused_by_name() -> None:
    document = playbook_to_document(playbook())
    document["when"]["type"] = "magic"
    with pytest.raises(ValueError, match="'magic' is not one of"):
        playbook_from_document(document)


def test_a_signal_key_travels_to_another_process_and_is_found_there() -> None:
    key = SignalKey("arm_bad", (("arm", "primary"),), 5.0)
    assert {pickle.loads(pickle.dumps(key)): 1}[key] == 1
