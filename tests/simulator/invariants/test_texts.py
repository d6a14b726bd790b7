"""The invariants' own reading of texts agrees with the language, on every playbook there is."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from ruamel.yaml import YAML

import simulator.invariants
from controller.core.binding import bind, targets_of
from controller.core.conditions import comparisons, key_of
from controller.core.playbook import Playbook
from controller.language.loading import load_playbooks
from controller.monitors.layers import catalogue_of
from controller.settings import Settings
from simulator.invariants.playbook_text import promises
from simulator.invariants.text import compared, leaves, seconds
from simulator.scenario.loading import PLAYBOOKS

MAY_READ = {
    "controller.core.readings",
    "controller.monitors.layers",
    "controller.settings",
}
SETTINGS = Settings()
CATALOGUE = catalogue_of(SETTINGS)
JUDGE = SETTINGS.for_judge(CATALOGUE)


EVERY_PLAYBOOK = [
    playbook
    for folder in PLAYBOOKS.values()
    for playbook in load_playbooks(folder, SETTINGS, CATALOGUE)
]


@pytest.mark.parametrize("playbook", EVERY_PLAYBOOK, ids=lambda each: each.name)
def test_conditions_name_the_readings_that_the_judge_looks_at(playbook: Playbook) -> None:
    for target in targets_of(playbook, JUDGE):
        bound = bind(playbook, target)
        for leaf in (*comparisons(bound.when), *comparisons(bound.clear_when)):
            mine = compared(leaf.text)
            key = key_of(leaf.quantity, JUDGE)
            assert mine.key(JUDGE.default_windows_s) == key
            assert mine.threshold(CATALOGUE.specs[key.name].unit) == pytest.approx(leaf.threshold)
            assert (mine.op, mine.for_s) == (leaf.op, leaf.for_s)


@pytest.mark.parametrize("playbook", EVERY_PLAYBOOK, ids=lambda each: each.name)
def test_guards_and_trees_are_read_as_the_judge_has_them(playbook: Playbook) -> None:
    document = YAML(typ="safe", pure=True).load(playbook.text)
    promise = promises([document], JUDGE.default_windows_s, 10.0)[playbook.name]
    guards = playbook.guards
    assert promise.cooldown_s == guards.cooldown_s
    assert (promise.budget_count, promise.budget_per_s) == (
        guards.budget_count,
        guards.budget_per_s,
    )
    assert promise.no_data == playbook.no_data.value
    assert len(list(leaves(promise.when))) == len(list(comparisons(playbook.when)))


@pytest.mark.parametrize(
    ("text", "name", "op", "number"),
    [
        ("lift(ctr, primary, fallback).upper < -5%", "lift(ctr,primary,fallback).upper", "<", -5.0),
        ("anomaly(latency_ms.p95) rarer than 1 per 1m", "anomaly(latency_ms.p95)", "<", 1 / 60),
        ("change(ctr{arm=primary})", "change(ctr)", ">=", 1.0),
        ('arm_bad{arm="a b"}[10s] >= 20% for 3s', "arm_bad", ">=", 20.0),
    ],
)
def test_every_form_of_the_grammar_is_read(text: str, name: str, op: str, number: float) -> None:
    found = compared(text)
    assert (found.name, found.op, found.number) == (name, op, pytest.approx(number))


@pytest.mark.parametrize("text", ["", "latency_ms.p95 about 5ms", "5 > 3"])
def test_what_is_no_condition_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="not a condition"):
        compared(text)


def test_what_is_no_duration_is_said() -> None:
    with pytest.raises(ValueError, match="not a duration"):
        seconds("ten minutes")


def test_invariants_know_nothing_of_the_code_they_judge() -> None:
    folder = Path(simulator.invariants.__file__).parent
    found = {
        node.module
        for path in folder.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module
    }
    outside = {name for name in found if name.split(".")[0] in ("controller", "serving", "models")}
    assert outside <= MAY_READ
    ours = {name for name in found if name.startswith("simulator")}
    assert all(name.startswith("simulator.invariants") for name in ours)
