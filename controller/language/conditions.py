"""Condition trees: YAML to the judge's `Condition`.

A leaf is a text of the grammar, or ``{if, for, no_data}``; a tree is ``all``, ``any`` or ``not``.
"""

from __future__ import annotations

from dataclasses import replace

from controller.core.conditions import comparisons
from controller.core.playbook import All, AnyOf, Comparison, Condition, NoData, Not
from controller.language.comparison import ComparisonReader
from controller.language.fields import Fields, Places, kind_of, list_of, text_of
from controller.language.findings import Problem
from controller.language.grammar import hold_text, parse_hold
from controller.language.vocabulary import Vocabulary
from controller.language.yaml_text import QUOTE_ADVICE, YamlMap, YamlNode, YamlText

MAX_CONDITIONS = 32
"""Leaves of one tree."""
TREE_KEYS = ("all", "any", "not")
CONDITION_EXAMPLE = '"latency_ms.p95 > 150ms for 5s"'


class ConditionReader:
    """Reads the conditions of one playbook. ``for_each`` is the label it binds, if any."""

    def __init__(self, vocabulary: Vocabulary, for_each: str | None, places: Places) -> None:
        self._leaves = ComparisonReader(vocabulary, for_each)
        self._places = places

    def tree(self, node: YamlNode, path: str) -> Condition:
        """``when``, ``clear_when`` or a part of them. Raise Problem."""
        condition = self._read(node, path)
        count = len(tuple(comparisons(condition)))
        if count > MAX_CONDITIONS:
            advice = f"accepted: at most {MAX_CONDITIONS}"
            what = f"{count} conditions"
            raise Problem("P012", what, advice, place=node.place, field=path)
        return condition

    def expectation(self, node: YamlNode, path: str) -> tuple[Condition, float]:
        """``CONDITION within DURATION``, or ``{if: TREE, within: DURATION}``."""
        if isinstance(node, YamlMap):
            fields = Fields(node, path, ("if", "within"), self._places)
            tree = self.tree(fields.node("if", "a condition"), fields.at("if"))
            return self._without_hold(tree, node, path), fields.duration_s("within")
        leaf, within_s = self._leaves.expectation(text_of(node, path), path)
        return self._without_hold(leaf, node, path), within_s

    def _without_hold(self, condition: Condition, node: YamlNode, path: str) -> Condition:
        if any(_is_held(leaf) for leaf in comparisons(condition)):
            raise Problem(
                "P027",
                "an expectation passes at the first reading that meets it",
                "accepted: the condition without `for` or `times`",
                place=node.place,
                field=path,
            )
        return condition

    def _read(self, node: YamlNode, path: str) -> Condition:
        self._places.known[path] = node.place
        if isinstance(node, YamlMap):
            keys = tuple(node.entries)
            if len(keys) == 1 and keys[0] in TREE_KEYS:
                return self._branch(keys[0], node.entries[keys[0]], f"{path}.{keys[0]}")
            if "if" in keys:
                return self._leaf_with_options(node, path)
            broken = node.in_flow and any(sign in key for key in keys for sign in "<>=.")
            what = "a mapping with " + (", ".join(keys) or "nothing in it")
            advice = (
                QUOTE_ADVICE if broken else "accepted: one of all, any, not; or if, for, no_data"
            )
            rule = "P006" if broken else "P010"
            raise Problem(rule, what, advice, place=node.place, field=path)
        if not isinstance(node, YamlText):
            advice = "accepted: `all:` or `any:` above the list"
            raise Problem("P012", kind_of(node), advice, place=node.place, field=path)
        return self._leaves.comparison(text_of(node, path), path)

    def _branch(self, key: str, node: YamlNode, path: str) -> Condition:
        if key == "not":
            return Not(self._read(node, path))
        items = list_of(node, path, f"[{CONDITION_EXAMPLE}]", MAX_CONDITIONS)
        conditions = tuple(self._read(item, f"{path}[{i}]") for i, item in enumerate(items))
        return All(conditions) if key == "all" else AnyOf(conditions)

    def _leaf_with_options(self, node: YamlMap, path: str) -> Condition:
        fields = Fields(node, path, ("if", "for", "no_data"), self._places)
        text = text_of(fields.node("if", "a condition"), fields.at("if"))
        leaf = self._leaves.comparison(text, fields.at("if"))
        if fields.has("for"):
            if _is_held(leaf):
                raise Problem(
                    "P027",
                    "`for` or `times` is given twice",
                    "accepted: in the condition or beside it",
                    place=self._places.of(fields.at("for")),
                    field=fields.at("for"),
                )
            hold = fields.quantity("for", parse_hold, "a duration or ticks, like 30s or 5 ticks")
            text_held = f"{leaf.text}{hold_text(hold)}"
            leaf = replace(leaf, for_s=hold.for_s, for_ticks=hold.ticks, text=text_held)
        if fields.has("no_data"):
            leaf = replace(leaf, no_data=NoData(fields.choice("no_data", tuple(NoData))))
        return leaf


def _is_held(leaf: Comparison) -> bool:
    return leaf.for_s > 0.0 or leaf.for_ticks > 0 or leaf.times > 0
