"""What a test expects: YAML to `Expected`."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import NoReturn, TypeVar

from controller.language import quantities
from controller.language.fields import (
    Fields,
    Places,
    kind_of,
    list_of,
    quantity_of,
    suggestion,
    text_of,
)
from controller.language.findings import Problem
from controller.language.vocabulary import Vocabulary
from controller.language.yaml_text import YamlList, YamlMap, YamlNode
from controller.rehearsal.model import PHASES, Expected, ExpectedPlan, TextPattern
from controller.rehearsal.values import moment_s, moment_text, whole_ticks

T = TypeVar("T")
MAX_EXPECTED = 500
MOMENT = "a moment, like 12s"
EXPECT_KEYS = (
    "at",
    "within",
    "by",
    "phase",
    "playbook",
    "target",
    "guard",
    "plan",
    "sentence",
    "page",
    "outcome",
)
PLAN_KEYS = ("route", "shed", "cache_ttl", "replicas", "frozen", "wanted")
OUTCOMES = ("passed", "unproven", "failed", "not adopted")
WORK_KINDS = ("retrain", "prewarm_cache", "notify", "webhook")
EXPECT_EXAMPLE = "`- {at: 12s, phase: opened}`; [] for a test in which nothing happens"
_TIMES = ("at", "within", "by")


@dataclass(frozen=True, slots=True)
class Stage:
    """What expectations are read against."""

    vocabulary: Vocabulary
    playbooks: Collection[str]
    tick_s: float
    ends_at_s: float


def read_expected(node: YamlNode, path: str, stage: Stage, places: Places) -> tuple[Expected, ...]:
    """Raise Problem. An empty list expects that nothing happens."""
    if isinstance(node, YamlList) and not node.items:
        return ()
    items = list_of(node, path, EXPECT_EXAMPLE, MAX_EXPECTED)
    found: list[Expected] = []
    for i, item in enumerate(items):
        each = _Entry(item, f"{path}[{i}]", stage, places).read()
        if found and each.last_s < found[-1].first_s:
            what = f"is over before the one above it begins ({moment_text(found[-1].first_s)})"
            advice = "accepted: the order in which things happen"
            raise Problem("P012", what, advice, place=item.place, field=f"{path}[{i}]")
        found.append(each)
    return tuple(found)


def read_never(node: YamlNode, path: str, stage: Stage, places: Places) -> tuple[Expected, ...]:
    """What must not come: entries whose time may be left out. Raise Problem."""
    items = list_of(node, path, "`- {phase: escalated}`", MAX_EXPECTED)
    return tuple(
        _Entry(item, f"{path}[{i}]", stage, places, any_time=True).read()
        for i, item in enumerate(items)
    )


class _Entry:
    """One expected record."""

    def __init__(
        self, node: YamlNode, path: str, stage: Stage, places: Places, *, any_time: bool = False
    ) -> None:
        self._fields = Fields(node, path, EXPECT_KEYS, places)
        self._stage = stage
        self._places = places
        self._any_time = any_time

    def read(self) -> Expected:
        fields = self._fields
        first_s, last_s = self._times()
        fields.node("phase", "the phase of a record, like opened")
        return Expected(
            first_s=first_s,
            last_s=last_s,
            phase=fields.choice("phase", PHASES),
            playbook=self._playbook(),
            target=fields.text("target", "a value") if fields.has("target") else None,
            guards=self._words("guard"),
            plan=self._plan() if fields.has("plan") else None,
            sentence=self._pattern("sentence"),
            page=self._pattern("page"),
            outcomes=self._outcomes(),
            by=fields.has("by") or not any(map(fields.has, _TIMES)),
        )

    def _times(self) -> tuple[float, float]:
        fields = self._fields
        given = [key for key in _TIMES if fields.has(key)]
        if not given and self._any_time:
            return 0.0, self._stage.ends_at_s
        if len(given) != 1:
            what = f"has {' and '.join(given) or 'no time'}"
            advice = "accepted: one of at: 12s, within: [10s, 15s], by: 15s"
            raise Problem("P012", what, advice, place=fields.place, field=fields.path)
        if given[0] == "within":
            path = fields.at("within")
            items = list_of(fields.node("within", ""), path, "[10s, 15s]", 2)
            moments = [quantity_of(each, f"{path}[{i}]", moment_s) for i, each in enumerate(items)]
            if len(moments) != 2 or moments[0] > moments[1]:
                what = "is not two rising moments"
                place = self._places.of(path)
                raise Problem("P012", what, "accepted: [10s, 15s]", place=place, field=path)
            first_s, last_s = moments
        else:
            last_s = fields.quantity(given[0], moment_s, MOMENT)
            first_s = last_s if given[0] == "at" else 0.0
        if given[0] == "at" and not whole_ticks(last_s, self._stage.tick_s):
            self._refuse(given[0], "is between two ticks", f"every {self._stage.tick_s:g}s")
        if last_s > self._stage.ends_at_s:
            end = moment_text(self._stage.ends_at_s)
            self._refuse(given[0], "is after the end of the test", f"up to ends_at: {end}")
        return first_s, last_s

    def _refuse(self, key: str, what: str, accepted: str) -> NoReturn:
        path = self._fields.at(key)
        place = self._places.of(path)
        raise Problem("P012", what, f"accepted: {accepted}", place=place, field=path)

    def _playbook(self) -> str | None:
        if not self._fields.has("playbook"):
            return None
        return self._fields.choice("playbook", tuple(self._stage.playbooks))

    def _words(self, key: str) -> tuple[str, ...]:
        """One text, or a list of them."""
        if not self._fields.has(key):
            return ()
        node, path = self._fields.node(key, ""), self._fields.at(key)
        items = list_of(node, path, "[cooldown]", 8) if isinstance(node, YamlList) else (node,)
        return tuple(text_of(each, path).text.strip() for each in items)

    def _outcomes(self) -> tuple[str, ...] | None:
        if not self._fields.has("outcome"):
            return None
        found = self._words("outcome")
        for word in found:
            if word not in OUTCOMES:
                self._refuse("outcome", f"is {word!r}", ", ".join(OUTCOMES))
        return found

    def _pattern(self, key: str) -> TextPattern | None:
        if not self._fields.has(key):
            return None
        text = self._fields.text(key, "a text, or /a regular expression/")
        if len(text) < 3 or not (text.startswith("/") and text.endswith("/")):
            return TextPattern(text, is_regex=False)
        try:
            re.compile(text[1:-1])
        except re.error as error:
            self._refuse(key, f"is no regular expression: {error}", "a text or /regex/")
        return TextPattern(text[1:-1], is_regex=True)

    def _plan(self) -> ExpectedPlan:
        fields = Fields(
            self._fields.node("plan", ""), self._fields.at("plan"), PLAN_KEYS, self._places
        )
        return ExpectedPlan(
            shares=self._arms(fields, "route", quantities.share),
            shed_share=fields.share("shed") if fields.has("shed") else None,
            cache_ttl_s=fields.duration_s("cache_ttl") if fields.has("cache_ttl") else None,
            replicas=self._arms(fields, "replicas", _count),
            frozen=self._names(fields, "frozen") if fields.has("frozen") else None,
            wanted=self._kinds(fields),
        )

    def _arms(self, fields: Fields, key: str, read: Callable[[str], T]) -> dict[str, T]:
        if not fields.has(key):
            return {}
        node, path = fields.node(key, ""), fields.at(key)
        if not isinstance(node, YamlMap) or not node.entries:
            advice = "accepted: a mapping of arms, like {primary: 0%}"
            raise Problem("P012", kind_of(node), advice, place=node.place, field=path)
        arms = self._stage.vocabulary.arms
        found = {}
        for arm, value in node.entries.items():
            if arm not in (*arms, "holdback"):
                what, place = f"unknown arm {arm!r}", node.key_places[arm]
                raise Problem("P035", what, suggestion(arm, arms), place=place, field=path)
            found[arm] = quantity_of(value, f"{path}.{arm}", read)
        return found

    def _names(self, fields: Fields, key: str) -> tuple[str, ...]:
        node, path = fields.node(key, ""), fields.at(key)
        if isinstance(node, YamlList) and not node.items:
            return ()
        items = list_of(node, path, "[promotions]", 32)
        return tuple(sorted(text_of(each, path).text for each in items))

    def _kinds(self, fields: Fields) -> tuple[str, ...]:
        if not fields.has("wanted"):
            return ()
        kinds = self._names(fields, "wanted")
        for kind in kinds:
            if kind not in WORK_KINDS:
                path = fields.at("wanted")
                advice = suggestion(kind, WORK_KINDS)
                place = self._places.of(path)
                raise Problem("P012", f"is {kind!r}", advice, place=place, field=path)
        return kinds


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 6:
        raise ValueError(f"{text!r} is no count; accepted: a whole number")
    return int(text)
