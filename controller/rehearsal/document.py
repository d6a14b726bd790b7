"""A file of playbook tests: YAML to `Rehearsal`, in two passes.

First the head of each test (its playbooks and settings), then, when those are read, all the rest
against their words. A file holds one test, or `tests:` with a list of them over what they share.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, cast

from controller.language.fields import Fields, Places, list_of, text_of
from controller.language.findings import Place, Problem
from controller.language.vocabulary import Vocabulary
from controller.language.yaml_text import YamlList, YamlMap, YamlNode, read_yaml
from controller.rehearsal.expect_document import (
    EXPECT_EXAMPLE,
    MOMENT,
    Stage,
    read_expected,
    read_never,
)
from controller.rehearsal.model import (
    ADOPTION_S,
    MISSING_STATES,
    QUIET,
    TICK_S,
    UNRECORDED,
    Answer,
    Command,
    Rehearsal,
    Restart,
)
from controller.rehearsal.series_document import PlacedSeries, SeriesReader, merged
from controller.rehearsal.values import is_duration, moment_s, moment_text, whole_ticks

SHARED_KEYS = (
    "playbooks",
    "settings",
    "tick",
    "adoption",
    "otherwise",
    "series",
    "work",
    "operator",
    "restarts",
    "others",
    "ends_at",
)
OWN_KEYS = ("test", "expect", "never")
FILE_KEYS = ("version", *OWN_KEYS, *SHARED_KEYS, "tests")
MAX_TESTS = 100
MAX_TICKS = 100_000
MAX_TICK_S = 60.0
MAX_ITEMS = 100
VERBS = ("approve", "reject", "freeze", "thaw", "override", "release", "promote", "acknowledge")
TARGETLESS = ("approve", "reject", "release", "acknowledge")
"""Verbs whose target may be left out: the oldest that waits."""
STATUSES = ("done", "failed", "refused")
WORK = ("retrain", "prewarm_cache", "notify", "webhook")


@dataclass(frozen=True, slots=True)
class Head:
    """What must be known of a test before the rest of it can be read."""

    name: str
    playbooks: tuple[str, ...]
    playbooks_place: Place
    settings: str
    settings_place: Place
    node: YamlMap
    path: str
    shared_series: frozenset[str]
    """Keys of series that come from the file and not from this test."""


@dataclass(frozen=True, slots=True)
class Read:
    """A test, and where its series stand, for who finds that nobody reads one."""

    rehearsal: Rehearsal
    series: tuple[PlacedSeries, ...]


def read_heads(text: str) -> tuple[Head, ...]:
    """Every test of a file. Raise Problem."""
    root = read_yaml(text)
    if isinstance(root, YamlMap) and "playbook" in root.entries:
        place = root.key_places["playbook"]
        what = "this is a playbook, not a test of one"
        raise Problem("P010", what, "accepted: `test:`", place=place, field="playbook")
    places = Places()
    fields = Fields(root, "", FILE_KEYS, places)
    assert isinstance(root, YamlMap)
    version = text_of(fields.node("version", "1"), "version")
    if version.text != "1":
        what = f"is {version.text!r}, which this release does not read"
        raise Problem("P012", what, "accepted: 1", place=version.place, field="version")
    if not fields.has("tests"):
        return (_head(root, "", frozenset(), places),)
    for key in OWN_KEYS:
        if fields.has(key):
            what = "stands beside `tests`"
            advice = "accepted: inside each of the tests"
            raise Problem("P012", what, advice, place=root.key_places[key], field=key)
    items = list_of(fields.node("tests", ""), "tests", "`- test: it stays quiet`", MAX_TESTS)
    heads = tuple(_item(root, item, f"tests[{i}]", places) for i, item in enumerate(items))
    _refuse_twins(heads)
    return heads


def read_test(head: Head, playbooks: Collection[str], vocabulary: Vocabulary) -> Read:
    """The whole test, once its playbooks' names and the service's words are known. Raise
    Problem."""
    return _Test(head, Places(), vocabulary).read(playbooks)


def _item(root: YamlMap, item: YamlNode, path: str, places: Places) -> Head:
    Fields(item, path, (*OWN_KEYS, *SHARED_KEYS), places)
    assert isinstance(item, YamlMap)
    shared = {key: node for key, node in root.entries.items() if key in SHARED_KEYS}
    shared_series, own_series = shared.get("series"), item.entries.get("series")
    entries = {**shared, **item.entries}
    series = merged(shared_series, own_series)
    from_file: frozenset[str] = frozenset()
    if series is not None:
        entries["series"] = series
    if isinstance(shared_series, YamlMap):
        own = own_series.entries if isinstance(own_series, YamlMap) else {}
        from_file = frozenset(shared_series.entries) - frozenset(own)
    key_places = {**root.key_places, **item.key_places}
    return _head(YamlMap(entries, key_places, item.place), path, from_file, places)


def _head(node: YamlMap, path: str, shared_series: frozenset[str], places: Places) -> Head:
    accepted = (*OWN_KEYS, *SHARED_KEYS, *(() if path else ("version",)))
    fields = Fields(node, path, accepted, places)
    name = " ".join(fields.text("test", "a sentence: what the test shows").split())
    where = fields.at("playbooks")
    listed = fields.node("playbooks", "a list of files or folders, like [../slow_primary.yaml]")
    items = list_of(listed, where, "[../slow_primary.yaml]", MAX_ITEMS)
    settings = fields.text("settings", "a settings file") if fields.has("settings") else ""
    return Head(
        name=name,
        playbooks=tuple(text_of(each, where).text.strip() for each in items),
        playbooks_place=listed.place,
        settings=settings,
        settings_place=places.of(fields.at("settings")),
        node=node,
        path=path,
        shared_series=shared_series,
    )


def _refuse_twins(heads: tuple[Head, ...]) -> None:
    names: set[str] = set()
    for head in heads:
        if head.name in names:
            place = head.node.entries["test"].place
            what = f"the test {head.name!r} is there already"
            field = f"{head.path}.test"
            raise Problem("P014", what, "accepted: a name of its own", place=place, field=field)
        names.add(head.name)


class _Test:
    """Reads one test, key by key. Methods raise Problem."""

    def __init__(self, head: Head, places: Places, vocabulary: Vocabulary) -> None:
        accepted = (*OWN_KEYS, *SHARED_KEYS, *(() if head.path else ("version",)))
        self._head = head
        self._fields = Fields(head.node, head.path, accepted, places)
        self._places = places
        self._vocabulary = vocabulary

    def read(self, playbooks: Collection[str]) -> Read:
        fields, head = self._fields, self._head
        tick_s = self._tick()
        ends_at_s = self._end(tick_s)
        series: tuple[PlacedSeries, ...] = ()
        if fields.has("series"):
            reader = SeriesReader(self._vocabulary, self._places, tick_s)
            series = reader.all_of(fields.node("series", ""), fields.at("series"))
        stage = Stage(self._vocabulary, playbooks, tick_s, ends_at_s)
        node = fields.node("expect", EXPECT_EXAMPLE)
        rehearsal = Rehearsal(
            name=head.name,
            playbooks=head.playbooks,
            ends_at_s=ends_at_s,
            expect=read_expected(node, fields.at("expect"), stage, self._places),
            series=tuple(each.series for each in series),
            settings=head.settings,
            tick_s=tick_s,
            adoption_s=self._adoption(),
            otherwise=fields.choice("otherwise", (*MISSING_STATES, QUIET))
            if fields.has("otherwise")
            else UNRECORDED,
            work=tuple(self._answer(each) for each in self._items("work")),
            operator=tuple(self._command(each, ends_at_s) for each in self._items("operator")),
            restarts=self._restarts(ends_at_s),
            others_allowed=fields.has("others")
            and fields.choice("others", ("allowed", "refused")) == "allowed",
            never=read_never(fields.node("never", ""), fields.at("never"), stage, self._places)
            if fields.has("never")
            else (),
        )
        return Read(rehearsal, series)

    def _tick(self) -> float:
        if not self._fields.has("tick"):
            return TICK_S
        tick_s = self._fields.duration_s("tick")
        if not 1.0 <= tick_s <= MAX_TICK_S:
            self._refuse("tick", "is out of range", f"accepted: 1s to {MAX_TICK_S:g}s")
        return tick_s

    def _end(self, tick_s: float) -> float:
        ends_at_s = self._fields.quantity("ends_at", moment_s, MOMENT)
        if not whole_ticks(ends_at_s, tick_s):
            self._refuse("ends_at", "is between two ticks", f"accepted: every {tick_s:g}s")
        if not 0.0 < ends_at_s <= MAX_TICKS * tick_s:
            advice = f"accepted: above 0s and at most {MAX_TICKS} ticks"
            self._refuse("ends_at", "is out of range", advice)
        return ends_at_s

    def _adoption(self) -> float | None:
        if not self._fields.has("adoption"):
            return ADOPTION_S
        accepted = "accepted: a duration, or never"
        value = text_of(self._fields.node("adoption", accepted), self._fields.at("adoption"))
        if value.text == "never":
            return None
        if value.text.strip() in ("0", "0s"):
            return 0.0
        if not is_duration(value.text):
            self._refuse("adoption", f"is {value.text!r}", accepted)
        return self._fields.duration_s("adoption")

    def _items(self, key: str) -> list[tuple[YamlNode, str]]:
        if not self._fields.has(key):
            return []
        node, path = self._fields.node(key, ""), self._fields.at(key)
        if isinstance(node, YamlList) and not node.items:
            return []
        items = list_of(node, path, f"`{key}: []`", MAX_ITEMS)
        return [(item, f"{path}[{i}]") for i, item in enumerate(items)]

    def _answer(self, item: tuple[YamlNode, str]) -> Answer:
        fields = Fields(*item, ("kind", "after", "status", "version", "detail"), self._places)
        return Answer(
            kind=fields.choice("kind", WORK),
            after_s=fields.quantity("after", moment_s, "a duration, like 20s"),
            status=cast(
                'Literal["done", "failed", "refused"]',
                fields.choice("status", STATUSES) if fields.has("status") else "done",
            ),
            version=fields.text("version", "a version") if fields.has("version") else None,
            detail=fields.text("detail", "a sentence") if fields.has("detail") else "",
        )

    def _command(self, item: tuple[YamlNode, str], ends_at_s: float) -> Command:
        fields = Fields(*item, ("at", "verb", "target", "who"), self._places)
        verb = fields.choice("verb", VERBS)
        needs = verb not in TARGETLESS
        target = ""
        if needs or fields.has("target"):
            target = fields.text("target", "what the verb is about, like all")
        who = fields.text("who", "a name") if fields.has("who") else "a person"
        return Command(self._moment(fields, ends_at_s), verb, target, who)

    def _restarts(self, ends_at_s: float) -> tuple[Restart, ...]:
        found: list[Restart] = []
        for item in self._items("restarts"):
            fields = Fields(*item, ("at", "lasts"), self._places)
            at_s = self._moment(fields, ends_at_s)
            each = Restart(at_s, fields.duration_s("lasts") if fields.has("lasts") else 10.0)
            if found and at_s < found[-1].at_s + found[-1].lasts_s:
                what = "begins before the restart above it is over"
                place = self._places.of(fields.at("at"))
                advice = "accepted: in order, one after the other"
                raise Problem("P012", what, advice, place=place, field=fields.at("at"))
            found.append(each)
        return tuple(found)

    def _moment(self, fields: Fields, ends_at_s: float) -> float:
        at_s = fields.quantity("at", moment_s, MOMENT)
        if at_s > ends_at_s:
            path = fields.at("at")
            what = "is after the end of the test"
            advice = f"accepted: up to ends_at: {moment_text(ends_at_s)}"
            raise Problem("P012", what, advice, place=self._places.of(path), field=path)
        return at_s

    def _refuse(self, key: str, what: str, advice: str) -> None:
        path = self._fields.at(key)
        raise Problem("P012", what, advice, place=self._places.of(path), field=path)
