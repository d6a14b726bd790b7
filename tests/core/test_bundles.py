"""Which bundle of playbooks decides is in the log, and an incident ends under the text it has."""

from __future__ import annotations

from dataclasses import replace

from controller.core.facts import Loaded
from controller.core.playbook import Playbook
from controller.core.settings import settings_to_document
from controller.core.state import state_from_document, state_to_document
from tests.core.worlds import SETTINGS, World, above, below, playbook

ONE, OTHER = "1" * 64, "2" * 64


def load(world: World, bundle: str, *playbooks: Playbook) -> None:
    document = settings_to_document(SETTINGS)
    world.feed(Loaded(0, world.at_s, playbooks, document, "0.1.0", bundle))


def leading(bundle: str, *playbooks: Playbook) -> World:
    world = World(elect=False)
    load(world, bundle, *playbooks)
    world.elect()
    return world


def test_the_election_names_the_bundle_and_a_new_one_says_what_changed() -> None:
    world = leading(ONE, playbook("a"), playbook("b"))
    assert world.records[0].sentence.endswith(f", under bundle {ONE[:12]}")
    assert world.records[0].details["bundle"] == ONE
    load(world, OTHER, replace(playbook("b"), sha256="new"), playbook("c"))
    world.tick(3)
    assert world.phases == ["elected", "loaded"]
    said = world.records[1]
    assert said.sentence == (
        f"bundle {OTHER[:12]} replaces {ONE[:12]}: added c, changed b, removed a"
    )
    assert said.details["playbooks"] == {"b": "new", "c": "sha-c"}


def test_a_leader_elected_under_another_bundle_says_so() -> None:
    world = leading(ONE, playbook("a"))
    stored = state_to_document(world.state)
    again = World(elect=False)
    load(again, OTHER, playbook("a"), playbook("b"))
    again.elect(8, stored)
    assert again.phases == ["elected", "loaded"]
    assert "added b" in again.records[1].sentence
    same = World(elect=False)
    load(same, ONE, playbook("a"))
    same.elect(8, stored)
    assert same.phases == ["elected"]


def test_an_open_incident_ends_under_its_own_text() -> None:
    world = leading(ONE, playbook("a"))
    world.tick(3, p95=412.0)
    assert world.incident.playbook.sha256 == "sha-a"
    new = playbook("a", when=above("errors", 0.5), clear_when=below("errors", 0.1))
    load(world, OTHER, replace(new, sha256="new"))
    world.tick(1)
    said = next(record for record in world.records if record.phase == "loaded")
    assert said.sentence.endswith(f"; under their old text go on: {world.incident.id}")
    world.until("recovered", p95=50.0, errors=0.9)
    recovered = next(record for record in world.records if record.phase == "recovered")
    assert recovered.playbook_sha256 == "sha-a"
    world.tick(70)
    opened = [record for record in world.records if record.phase == "opened"]
    assert [each.playbook_sha256 for each in opened] == ["sha-a", "new"]


def test_facts_and_states_of_older_releases_name_none() -> None:
    world = World(playbook("a"))
    world.load(playbook("b"))
    world.tick(2)
    assert world.phases == ["elected"]
    assert "bundle" not in world.records[0].details
    document = state_to_document(world.state)
    del document["bundle"]
    del document["config"]["bundle"]
    assert state_from_document(document) == world.state
