"""An explanation becomes one record of its incident, and changes nothing else."""

from __future__ import annotations

import json
from dataclasses import replace

from controller.core.causes import CAUSES_LIMIT, SENTENCE_LIMIT, Cause
from controller.core.fact_document import fact_from_document, fact_to_document
from controller.core.facts import Explained, Fate
from controller.core.phases import Phase
from controller.core.state import state_to_document
from tests.core.worlds import World, playbook

CAUSE = Cause("segment", "platform=ios", 0.83, 120, "bad answers of platform=ios went up")


def explained(world: World, incident: str, *causes: Cause) -> Explained:
    return Explained(world._next(), world.at_s, incident, "system", causes or (CAUSE,))


def opened() -> World:
    world = World(playbook())
    world.until("acting", p95=412)
    return world


def test_the_record_names_verdict_and_causes_and_the_incident_stays_where_it_was() -> None:
    world = opened()
    before = world.incident
    world.feed(explained(world, before.id))
    world.adopting = False
    world.tick()
    record = next(record for record in world.records if record.phase == "explained")
    assert record.incident == before.id
    assert "trouble in the system: bad answers of platform=ios" in record.sentence
    assert record.details["verdict"] == "system"
    assert record.details["causes"][0]["what"] == "platform=ios"
    assert record.claims_before == record.claims_after
    assert (world.incident.phase, world.incident.claims) == (before.phase, before.claims)


def test_an_incident_is_explained_once() -> None:
    world = opened()
    for _ in range(3):
        world.feed(explained(world, world.incident.id))
        world.feed(explained(world, world.incident.id))
        world.tick()
    assert world.phases.count("explained") == 1


def test_an_explanation_of_an_unknown_incident_changes_nothing() -> None:
    world = opened()
    before = state_to_document(world.state)
    world.feed(explained(world, "nobody-1-1"))
    assert state_to_document(world.state) == before


def test_an_incident_that_ended_meanwhile_is_not_explained() -> None:
    world = opened()
    said = explained(world, world.incident.id)
    world.feed(said)
    world.state = replace(world.state, incidents=())
    world.tick(p95=50)
    assert "explained" not in world.phases


def test_it_waits_while_a_commit_is_in_flight_and_delays_no_action() -> None:
    world = World(playbook())
    world.answering = False
    world.tick(3, p95=412)
    assert world.phases[-2:] == ["opened", "acting"]
    world.feed(explained(world, world.incident.id))
    world.tick()
    assert "explained" not in world.phases
    world.answering = True
    world.feed(Fate(world._next(), world.at_s, "published", "head"))
    world.tick()
    assert "explained" in world.phases
    assert world.incident.phase is not Phase.OPENED


def test_nothing_known_is_said_plainly() -> None:
    world = opened()
    world.feed(Explained(world._next(), world.at_s, world.incident.id, "unknown", ()))
    world.tick()
    assert "has no known cause" in world.sentences("explained")[0]


def test_what_waits_in_the_state_is_bounded() -> None:
    world = opened()
    long = replace(CAUSE, what="x" * 10_000, sentence="y" * 10_000)
    world.feed(explained(world, world.incident.id, *[long] * 100))
    (waiting,) = world.state.inbox
    assert isinstance(waiting, Explained)
    assert len(waiting.causes) == CAUSES_LIMIT
    assert len(waiting.causes[0].sentence) == SENTENCE_LIMIT
    assert len(json.dumps(state_to_document(world.state))) < 20_000


def test_the_fact_survives_its_document() -> None:
    late = Cause("change", "deploy 7", None, 0, "change deploy 7, 40 s before")
    fact = Explained(3, 9.5, "slow-primary-7-2", "drift", (CAUSE, late))
    assert fact_from_document(json.loads(json.dumps(fact_to_document(fact)))) == fact
