"""Random mixes are lively: faults that come again, outages amid them, people who interfere."""

from __future__ import annotations

from collections import Counter
from typing import Any

from simulator.scenario.random_faults import BENIGN, OUTAGES
from simulator.scenario.random_mix import CALM_S, random_document, random_scenario
from simulator.scenario.schema import VERBS

DOCUMENTS = [random_document(seed) for seed in range(200)]


def test_about_a_third_is_benign_and_nothing_else() -> None:
    benign = sum(set(_names(document)) <= BENIGN for document in DOCUMENTS)
    assert 40 <= benign <= 95


def test_faults_come_again_and_outages_hit_amid_others() -> None:
    again = sum(max(Counter(_names(d)).values(), default=0) > 1 for d in DOCUMENTS)
    amid = sum(
        not BENIGN.union(OUTAGES).issuperset(_names(d)) and not set(OUTAGES).isdisjoint(_names(d))
        for d in DOCUMENTS
    )
    assert again >= 40
    assert amid >= 20


def test_people_say_all_that_needs_no_question_first() -> None:
    verbs = {command["verb"] for d in DOCUMENTS for command in d.get("commands", [])}
    assert verbs == set(VERBS) - {"approve", "reject", "promote"}


def test_every_override_is_released_by_its_place() -> None:
    for document in DOCUMENTS:
        commands = document.get("commands", [])
        given = {f"command-{n}" for n, each in enumerate(commands) if each["verb"] == "override"}
        taken = {each["target"] for each in commands if each["verb"] == "release"}
        assert taken == given


def test_people_are_done_before_the_calm() -> None:
    for seed in range(60):
        found = random_scenario(seed)
        assert list(found.commands) == sorted(found.commands, key=lambda each: each.at_s)
        assert all(each.at_s <= found.duration_s - CALM_S for each in found.commands)


def _names(document: dict[str, Any]) -> list[str]:
    return [name for entry in document["faults"] for name in entry]
