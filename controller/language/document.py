"""One playbook: YAML tree to the judge's `Playbook` model, version 1 of the language.

Each top-level key is read on its own, so that one file shows the faults of all its keys at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar, cast

from controller.core.conditions import comparisons
from controller.core.playbook import Autonomy, Condition, Guards, Move, NoData, Playbook
from controller.language.action_facts import EXCLUSION_GROUPS
from controller.language.actions import ACTION_READERS, read_action
from controller.language.conditions import CONDITION_EXAMPLE, ConditionReader
from controller.language.fields import NAME, Fields, Places, list_of, suggestion, text_of
from controller.language.findings import Problem
from controller.language.keys import ELSE, GUARDS, KEYS, MOST_EXCLUDES, MOVE_KEYS
from controller.language.quantities import MAX_SPAN_S, budget_of_acts
from controller.language.vocabulary import FOR_EACH, Vocabulary
from controller.language.yaml_text import YamlMap, YamlNode, check_readable, read_yaml

T = TypeVar("T")
MAX_MOVES = 8
MAX_RUNGS = 8
RUNG_EXAMPLE = "`- - shed: {share: 20%}`"


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of one text: a playbook, or the problems that stopped it."""

    playbook: Playbook | None
    places: Places
    problems: tuple[Problem, ...]


def read_document(text: str, vocabulary: Vocabulary) -> Reading:
    """Never raises for bad input; every problem is in the answer, in the order of the keys."""
    places = Places()
    problems: list[Problem] = []
    try:
        root = read_yaml(text)
        check_readable(root)
        fields = Fields(root, "", tuple(KEYS), places)
        _check_version(fields, places)
    except Problem as problem:
        return Reading(None, places, (problem,))
    playbook = _Document(fields, places, vocabulary, problems).read(text)
    return Reading(playbook, places, tuple(problems))


def _check_version(fields: Fields, places: Places) -> None:
    version = text_of(fields.node("version", "1"), "version")
    if version.text != "1":
        what = f"is {version.text!r}, which this release does not read"
        raise Problem("P012", what, "accepted: 1", place=places.of("version"), field="version")


class _Document:
    """Reads key after key and notes problems instead of stopping at the first."""

    def __init__(
        self, fields: Fields, places: Places, vocabulary: Vocabulary, problems: list[Problem]
    ) -> None:
        self._fields = fields
        self._places = places
        self._vocabulary = vocabulary
        self._problems = problems

    def read(self, text: str) -> Playbook | None:
        fields = self._fields
        name = self._try(lambda: fields.matching("playbook", NAME, "a name, like slow-primary"))
        owner = self._try(lambda: fields.text("owner", "who is asked about it"))
        why = self._try(lambda: fields.text("why", "a sentence for whoever is on call"))
        for_each = self._try(self._for_each)
        conditions = ConditionReader(self._vocabulary, for_each or None, self._places)
        when = self._try(
            lambda: conditions.tree(
                fields.node("when", f"a condition, like {CONDITION_EXAMPLE}"), "when"
            )
        )
        no_data = self._try(lambda: NoData(fields.choice("no_data", tuple(NoData))))
        first = self._try(
            lambda: self._rung(fields.node("do", "a list of moves"), "do", conditions)
        )
        others = self._try(lambda: self._otherwise(conditions))
        clear = self._try(lambda: self._clear(conditions))
        guards = self._try(self._guards)
        if self._problems:
            return None
        assert name and owner and why and when and no_data  # noqa: PT018
        assert first and clear and guards  # noqa: PT018
        return Playbook(
            name=name,
            owner=owner,
            why=why,
            when=when,
            no_data=no_data,
            rungs=(first, *(others or ())),
            clear_when=clear,
            guards=guards,
            text=text,
            sha256=hashlib.sha256(text.encode()).hexdigest(),
            for_each=for_each or None,
        )

    def _try(self, read: Callable[[], T]) -> T | None:
        try:
            return read()
        except Problem as problem:
            self._problems.append(problem)
            return None

    def _for_each(self) -> str:
        return self._fields.choice("for_each", FOR_EACH) if self._fields.has("for_each") else ""

    def _clear(self, conditions: ConditionReader) -> Condition:
        accepted = "the condition that ends it, like latency_ms.p95 < 100ms for 30s"
        node = self._fields.node("clear_when", accepted)
        condition = conditions.tree(node, "clear_when")
        if any(leaf.times for leaf in comparisons(condition)):
            what = "`times` stands in `clear_when`: what comes and goes is not over"
            advice = "accepted: `for`, like latency_ms.p95 < 100ms for 30s"
            raise Problem("P027", what, advice, place=node.place, field="clear_when")
        return condition

    def _otherwise(self, conditions: ConditionReader) -> tuple[tuple[Move, ...], ...]:
        if not self._fields.has("otherwise"):
            return ()
        node = self._fields.node("otherwise", RUNG_EXAMPLE)
        rungs = list_of(node, "otherwise", RUNG_EXAMPLE, MAX_RUNGS)
        return tuple(
            self._rung(rung, f"otherwise[{i}]", conditions) for i, rung in enumerate(rungs)
        )

    def _rung(self, node: YamlNode, path: str, conditions: ConditionReader) -> tuple[Move, ...]:
        example = RUNG_EXAMPLE if path != "do" else "`- shed: {share: 20%}`"
        self._places.known[path] = node.place
        moves = list_of(node, path, example, MAX_MOVES)
        return tuple(self._move(move, f"{path}[{i}]", conditions) for i, move in enumerate(moves))

    def _move(self, node: YamlNode, path: str, conditions: ConditionReader) -> Move:
        actions = tuple(ACTION_READERS)
        fields = Fields(node, path, (*actions, *MOVE_KEYS), self._places)
        assert isinstance(node, YamlMap)
        named = [key for key in node.entries if key in ACTION_READERS]
        if len(named) != 1:
            what = f"a move with {len(named)} actions"
            raise Problem("P012", what, "accepted: one action", place=node.place, field=path)
        action = read_action(named[0], node.entries[named[0]], fields.at(named[0]), self._places)
        if not fields.has("expect"):
            if fields.has("else"):
                what = "`else` without `expect`: nothing says when it applies"
                advice = "accepted: expect: CONDITION within DURATION"
                place = self._places.of(fields.at("else"))
                raise Problem("P011", what, advice, place=place, field=path)
            return Move(action)
        expect, within_s = conditions.expectation(
            fields.node("expect", "a condition"), fields.at("expect")
        )
        otherwise = fields.choice("else", ELSE)
        return Move(action, expect, within_s, cast('Literal["next", "undo", "keep"]', otherwise))

    def _guards(self) -> Guards:
        default = Guards()
        if not self._fields.has("guards"):
            return default
        node = self._fields.node("guards", "")
        fields = Fields(node, "guards", tuple(GUARDS), self._places)
        count, per_s = default.budget_count, default.budget_per_s
        if fields.has("budget"):
            count, per_s = fields.quantity("budget", budget_of_acts, "like 3 per 1h")
            self._check_period(per_s)
        autonomy = default.autonomy
        if fields.has("autonomy"):
            autonomy = Autonomy(fields.choice("autonomy", tuple(Autonomy)))
        cooldown_s = fields.duration_s("cooldown") if fields.has("cooldown") else None
        return Guards(
            autonomy=autonomy,
            cooldown_s=cooldown_s if cooldown_s is not None else default.cooldown_s,
            budget_count=count,
            budget_per_s=per_s,
            excludes=self._excludes(fields),
            priority=fields.whole("priority", 0, 100)
            if fields.has("priority")
            else default.priority,
        )

    def _check_period(self, per_s: float) -> None:
        if not 1.0 <= per_s <= MAX_SPAN_S:
            path = "guards.budget"
            what = "the period is out of range"
            place = self._places.of(path)
            raise Problem("P012", what, "accepted: 1s to 30d", place=place, field=path)

    def _excludes(self, fields: Fields) -> tuple[str, ...]:
        if not fields.has("excludes"):
            return ()
        path = fields.at("excludes")
        found = []
        for i, item in enumerate(
            list_of(fields.node("excludes", ""), path, "[routing]", MOST_EXCLUDES)
        ):
            value = text_of(item, f"{path}[{i}]")
            if value.text not in EXCLUSION_GROUPS:
                raise Problem(
                    "P012",
                    f"{value.text!r} is no exclusion group",
                    suggestion(value.text, EXCLUSION_GROUPS),
                    place=value.place,
                    field=f"{path}[{i}]",
                )
            found.append(value.text)
        return tuple(found)
