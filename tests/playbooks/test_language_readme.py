"""The README of the language says what the code does: rules, actions, keys, truth tables."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from pathlib import Path

import pytest

from controller.core.actions import BUDGET_CLASSES, GROUPS
from controller.core.conditions import Sight, Timer, Truth, evaluate
from controller.core.playbook import All, AnyOf, Comparison, Condition, NoData, Not, Quantity
from controller.core.readings import Reading, ReadingState, SignalKey
from controller.core.settings import JudgeSettings
from controller.language.action_facts import ACTION_FACTS
from controller.language.action_fields import ACTION_FIELDS
from controller.language.actions import ACTION_READERS
from controller.language.comparison import MAX_WINDOW_S
from controller.language.findings import RULES
from controller.language.grammar import (
    MAX_TICKS,
    MAX_TIMES,
    MAX_TIMES_WITHIN_S,
    parse_condition,
)
from controller.language.keys import GUARDS, KEYS
from controller.language.loading import check
from controller.language.quantities import duration_text
from controller.monitors.layers import catalogue_of
from controller.monitors.tick import LONGEST_WINDOW_S
from controller.settings import Settings

README = (Path(__file__).parents[2] / "playbooks" / "README.md").read_text(encoding="utf-8")


NOBODY = JudgeSettings(service="s", arms={})


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table under a heading, without its two head lines."""
    lines = README.split(f"\n{heading}\n", 1)[1].split("\n")
    start = next(i for i, line in enumerate(lines) if line.startswith("|"))
    table = list(itertools.takewhile(lambda line: line.startswith("|"), lines[start:]))
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]


def test_every_rule_is_listed_as_it_is() -> None:
    assert {f"`{rule}`": text for rule, text in RULES.items()} == dict(rows("## Rules"))


def test_every_action_is_listed_with_its_facts() -> None:
    listed = {row[0]: row[2:] for row in rows("## Actions")}
    assert listed == {
        f"`{facts.name}`": [
            facts.undo or "none",
            facts.effect,
            f"`{GROUPS[action]}`",
            BUDGET_CLASSES[action],
        ]
        for action, facts in ACTION_FACTS.items()
    }
    assert set(ACTION_READERS) == {facts.name for facts in ACTION_FACTS.values()}


def test_every_action_is_listed_with_its_fields() -> None:
    for row in rows("## Actions"):
        fields = ACTION_FIELDS[row[0].strip("`")]
        assert set(re.findall(r"`(\w+)", row[1])) - {"last", "nothing", "all"} >= set(fields)


def test_every_key_is_listed_as_it_is() -> None:
    assert [(row[0], row[1], row[2]) for row in rows("## Keys")] == [
        (f"`{name}`", "yes" if key.required else "no", key.says) for name, key in KEYS.items()
    ]


def test_every_signal_is_listed_as_it_is() -> None:
    specs = catalogue_of(Settings()).specs
    plain = [spec for spec in specs.values() if not spec.name.startswith(("anomaly(", "change("))]
    assert rows("## Signals") == [
        [f"`{spec.name}`", ", ".join(spec.labels), spec.unit, spec.summary] for spec in plain
    ]
    derived = {"anomaly.system", "hint.adwin", "hint.page_hinkley"}
    followed = {spec.name for spec in plain} - derived
    made = {f"{how}({name})" for how in ("anomaly", "change") for name in followed}
    assert set(specs) == made | {spec.name for spec in plain}


def test_every_signal_of_harm_is_listed_and_none_of_them_is_drift() -> None:
    specs = catalogue_of(Settings()).specs.values()
    assert rows("### Signals of harm") == [
        [
            side,
            ", ".join(
                f"`{spec.name}`"
                for spec in specs
                if spec.harm == side and not spec.name.startswith(("anomaly(", "change("))
            ),
        ]
        for side in ("high", "low")
    ]
    assert not any(spec.harm and spec.is_drift for spec in specs)


def test_every_guard_is_listed_as_it_is() -> None:
    assert {row[0]: row[2] for row in rows("## Guards")} == {
        f"`{name}`": key.says for name, key in GUARDS.items()
    }


def test_the_limits_of_counts_are_listed_as_they_are() -> None:
    assert f"2 to {MAX_TICKS}." in README
    assert f"2 to {MAX_TIMES} times, within at most `{duration_text(MAX_TIMES_WITHIN_S)}`" in README


@pytest.mark.parametrize("row", rows("### For how long, how often"), ids=lambda row: str(row[:2]))
def test_counts_are_met_at_the_ticks_of_the_table(row: list[str]) -> None:
    text, ticks, said = row[0].strip("`"), row[1].strip("`"), row[2]
    hold = parse_condition(text).hold
    leaf = replace(
        _leaf("x"),
        for_s=hold.for_s,
        for_ticks=hold.ticks,
        times=hold.times,
        times_within_s=hold.times_within_s,
    )
    timers: tuple[Timer, ...] = ()
    met = []
    for place, letter in enumerate(ticks):
        reading = Reading(1.0 if letter == "b" else -1.0, ReadingState.OK, 1, 0.0, 1.0)
        sight = Sight({SignalKey("x"): reading}, NOBODY, 1.0 if place else None, NoData.HOLD)
        found = evaluate(leaf, timers, sight)
        timers = found.timers
        if found.truth is Truth.MET:
            met.append(str(place + 1))
    assert (", ".join(met) or "never") == said


def test_the_example_is_a_playbook_without_findings(tmp_path: Path) -> None:
    example = README.split("```yaml\n", 1)[1].split("```", 1)[0]
    (tmp_path / "example.yaml").write_text(example, encoding="utf-8")
    settings = Settings()
    assert check([tmp_path], settings, catalogue_of(settings)) == []


def test_windows_end_where_monitors_end() -> None:
    assert MAX_WINDOW_S == LONGEST_WINDOW_S


def _leaf(name: str) -> Comparison:
    return Comparison(Quantity(name), ">", 0.0, "value", 0.0, name)


def _truth(condition: Condition, values: dict[str, str]) -> str:
    shown = {"met": 1.0, "not met": -1.0}
    readings = {
        SignalKey(name): Reading(shown[word], ReadingState.OK, 1, 0.0, 1.0)
        if word in shown
        else Reading(None, ReadingState.INSUFFICIENT, 0, 0.0, 1.0)
        for name, word in values.items()
    }
    sight = Sight(readings, NOBODY, elapsed_s=None, policy=NoData.HOLD)
    return str(evaluate(condition, (), sight).truth)


TREES = {
    "all": All((_leaf("a"), _leaf("b"))),
    "any": AnyOf((_leaf("a"), _leaf("b"))),
}


@pytest.mark.parametrize(("name", "tree"), TREES.items(), ids=TREES.keys())
def test_the_truth_tables_are_the_judges(name: str, tree: Condition) -> None:
    table = rows(f"### `{name}`")
    words = [str(truth) for truth in Truth]
    assert {
        (row[0].strip("*"), b): cell
        for row in table
        for b, cell in zip(words, row[1:], strict=True)
    } == {(a, b): _truth(tree, {"a": a, "b": b}) for a, b in itertools.product(words, words)}


def test_the_table_of_not_is_the_judges() -> None:
    table = {row[0]: row[1] for row in rows("### `not`")}
    assert table == {str(a): _truth(Not(_leaf("a")), {"a": str(a)}) for a in Truth}
