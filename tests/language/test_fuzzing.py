"""The parser never crashes and never accepts in silence, whatever it is given.

`SELFRIGHT_EXAMPLES=20000` makes a long run of it.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from controller.core.conditions import comparisons
from controller.core.playbook import Comparison, Playbook
from controller.core.playbook_document import playbook_from_document, playbook_to_document
from controller.errors import BadInput
from controller.language.action_fields import ACTION_FIELDS
from controller.language.document import read_document
from controller.language.findings import RULES
from controller.language.grammar import parse_condition
from controller.language.json_schema import playbook_schema
from controller.language.keys import GUARDS, KEYS, MOVE_KEYS
from controller.language.loading import playbook_files, playbook_from_text
from controller.language.rules import PAGES
from controller.language.sentences import describe
from controller.language.vocabulary import Vocabulary
from controller.language.yaml_text import read_yaml
from controller.monitors.layers import catalogue_of
from controller.settings import Settings
from tests.examples import examples
from tests.language.test_json_schema import plain

SETTINGS = Settings()
KNOWN = Vocabulary.of(SETTINGS, catalogue_of(SETTINGS))
SCHEMA = Draft202012Validator(playbook_schema(KNOWN))
FOLDER = Path(__file__).parents[2] / "playbooks"
SHIPPED = [path.read_text(encoding="utf-8") for path in playbook_files([FOLDER, FOLDER / "demo"])]
TEXTS = SHIPPED + [text for page in PAGES.values() for text in page.good.texts()]
SHORT = [text for text in TEXTS if len(text) < 600]
EXAMPLES = examples(30)
LONG_RUN = EXAMPLES > 100


def fuzzed(strategy: st.SearchStrategy[str], share: float = 1.0) -> Callable[[Any], Any]:
    """A test over so many texts: always the same ones, but for a long run."""

    def decorate(test: Any) -> Any:
        found = settings(
            max_examples=max(1, int(EXAMPLES * share)),
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )(given(strategy)(test))
        return found if LONG_RUN else seed(20)(found)

    return decorate


def judge(text: str) -> Playbook | None:
    """Read and lint a text; what is refused has a place and a rule, what is accepted is whole."""
    playbook, refused = _read(text)
    if playbook is None:
        assert refused.startswith("p.yaml:")
        assert "\n" not in refused
        for problem in read_document(text, KNOWN).problems:
            assert problem.finding.rule in RULES
            assert problem.finding.advice
            assert 1 <= problem.place.line <= len(text) + 1
        return None
    document = json.loads(json.dumps(playbook_to_document(playbook)))
    assert playbook_from_document(document) == playbook
    assert playbook.text == text
    said = describe(playbook)
    assert all(word in said[0] for word in (playbook.name, playbook.owner))
    for leaf in _leaves(playbook):
        assert leaf.text in "\n".join(said)
        parsed = parse_condition(leaf.text)
        held = (parsed.hold.for_s, parsed.hold.ticks, parsed.hold.times)
        assert held == (leaf.for_s, leaf.for_ticks, leaf.times), "what is said is what is judged"
    tree = plain(read_yaml(text))
    assert not [e.message for e in SCHEMA.iter_errors(tree)], "the schema is never stricter"
    return playbook


def _read(text: str) -> tuple[Playbook | None, str]:
    try:
        return playbook_from_text(text, "p.yaml", SETTINGS, KNOWN.catalogue), ""
    except BadInput as refused:
        return None, str(refused)


def _leaves(playbook: Playbook) -> list[Comparison]:
    expected = [m.expect for rung in playbook.rungs for m in rung if m.expect is not None]
    return [
        c for tree in (playbook.when, playbook.clear_when, *expected) for c in comparisons(tree)
    ]


@fuzzed(st.text(max_size=200) | st.text("abc:-[]{}&*!|>'\"%@#?<=, \n\t$1", max_size=120))
def test_any_text_is_read_or_refused(text: str) -> None:
    assert judge(text) is None


WORDS = (
    *KEYS,
    *MOVE_KEYS,
    *GUARDS,
    *ACTION_FIELDS,
    *(field for fields in ACTION_FIELDS.values() for field in fields),
    *("all", "any", "not", "if", "for", "no_data", "within", "stages", "every"),
    *("hold", "act", "next", "undo", "100%", "0%", "20%", "5 ticks", "3 times within 10m", "30s"),
    *("3 per 1h", "primary", "fallback", "$arm", "arm", "true", "null", "~", "1e9", "-1", "0x1F"),
    *("arm_bad{arm=primary} > 20%", "latency_ms.p95 < 90ms for 3s", "change(latency_ms.p95)", ""),
    *(
        "{}",
        "[]",
        "&a",
        "*a",
        "<<",
        "!!int",
        "|",
        ">-",
        "'",
        '"',
        "#",
        ": ",
        "- ",
        "\n  ",
        "é",
        "\0",
    ),
)


@st.composite
def mutations(draw: st.DrawFn) -> str:
    """A good text, cut, doubled, or with words of the language (or of YAML) in the wrong place."""
    text = draw(st.sampled_from(TEXTS if LONG_RUN else SHORT))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 12)))
        kind = draw(st.sampled_from(["replace", "delete", "double", "move a line", "swap a token"]))
        if kind == "replace":
            text = text[:start] + draw(st.sampled_from(WORDS) | st.text(max_size=3)) + text[end:]
        elif kind == "delete":
            text = text[:start] + text[end:]
        elif kind == "double":
            text = text[:end] + text[start:end] + text[end:]
        elif kind == "move a line":
            lines = text.splitlines(keepends=True)
            random.Random(start).shuffle(lines)
            text = "".join(lines)
        else:
            tokens = text.split(" ")
            tokens[start % len(tokens)] = draw(st.sampled_from(WORDS))
            text = " ".join(tokens)
    return text


@fuzzed(mutations())
def test_any_damage_to_a_good_playbook_is_refused_or_is_another_playbook(text: str) -> None:
    judge(text)


scalars = st.sampled_from(WORDS) | st.integers(-5, 500) | st.booleans() | st.none() | st.floats()
trees = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@st.composite
def documents(draw: st.DrawFn) -> str:
    """The keys of a good playbook, some with any tree below them; JSON is YAML."""
    document: dict[str, Any] = plain(read_yaml(draw(st.sampled_from(SHORT))))
    for key in draw(st.lists(st.sampled_from((*KEYS, "x")), min_size=1, max_size=3)):
        document[key] = draw(trees)
    if draw(st.booleans()) and isinstance(document.get("do"), list):
        action = draw(st.sampled_from(tuple(ACTION_FIELDS)))
        fields = st.sampled_from(tuple(ACTION_FIELDS[action]))
        move = {action: draw(st.dictionaries(fields, scalars, max_size=4))}
        document["do"] = [*document["do"], move]
    return json.dumps(document, indent=draw(st.sampled_from([None, 1])))


@fuzzed(documents())
def test_any_tree_under_the_keys_is_read_or_refused(text: str) -> None:
    judge(text)


def test_what_is_whole_passes_the_same_judge() -> None:
    assert all(judge(text) is not None for text in SHORT)
