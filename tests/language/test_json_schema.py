"""The JSON Schema knows what the reader knows: keys, actions, arms, signals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from controller.core.readings import Catalogue
from controller.language.action_fields import ACTION_FIELDS, EITHER
from controller.language.actions import ACTION_READERS, read_action
from controller.language.comparison import ComparisonReader
from controller.language.fields import Places
from controller.language.findings import Place, Problem
from controller.language.json_schema import playbook_schema
from controller.language.loading import playbook_files
from controller.language.rules import PAGES
from controller.language.vocabulary import Vocabulary
from controller.language.yaml_text import YamlList, YamlMap, YamlNode, YamlText, read_yaml
from controller.monitors.layers import catalogue_of
from controller.settings import Settings
from tests.language.test_bad_text import PARTS
from tests.language.test_reading import ACTIONS, CONDITIONS, COUNTS, FULL

FOLDER = Path(__file__).parents[2] / "playbooks"


def plain(node: YamlNode) -> Any:
    """The tree as JSON, with the scalars that YAML 1.2 has."""
    if isinstance(node, YamlMap):
        return {key: plain(value) for key, value in node.entries.items()}
    if isinstance(node, YamlList):
        return [plain(item) for item in node.items]
    if node.kind == "number":
        try:
            return json.loads(node.text)
        except ValueError:
            return float(node.text) if node.text.lstrip("+-").isdigit() else node.text
    return {"bool": node.text.lower() == "true", "null": None}.get(node.kind, node.text)


@pytest.fixture(scope="module")
def real() -> Vocabulary:
    return Vocabulary.of(Settings(), catalogue_of(Settings()))


@pytest.fixture(scope="module")
def real_schema(real: Vocabulary) -> Draft202012Validator:
    return Draft202012Validator(playbook_schema(real))


@pytest.fixture
def schema(settings: Settings, catalogue: Catalogue) -> Draft202012Validator:
    """Of the small service that the other tests of the language use."""
    return Draft202012Validator(playbook_schema(Vocabulary.of(settings, catalogue)))


def faults(schema: Draft202012Validator, text: str) -> list[str]:
    return [
        f"{error.json_path}: {error.message[:200]}"
        for error in schema.iter_errors(plain(read_yaml(text)))
    ]


def test_the_schema_is_one(real_schema: Draft202012Validator) -> None:
    Draft202012Validator.check_schema(real_schema.schema)


@pytest.mark.parametrize("path", playbook_files([FOLDER, FOLDER / "demo"]), ids=lambda p: p.name)
def test_every_shipped_playbook_fits_it(path: Path, real_schema: Draft202012Validator) -> None:
    assert faults(real_schema, path.read_text(encoding="utf-8")) == []


def test_what_the_language_reads_fits_it(language: Any, schema: Draft202012Validator) -> None:
    texts = [FULL, *(language.text(do=f"[{{{text}}}]") for text, _ in ACTIONS.values())]
    texts += [language.text(when=f"'{text}'") for text, _ in CONDITIONS.values()]
    texts += [language.text(when=text) for text, _ in COUNTS.values()]
    texts += [language.text(guards="{autonomy: shadow, excludes: [routing], priority: '7'}")]
    assert {text: found for text in texts if (found := faults(schema, text))} == {}


TEXT_RULES = ("tag", "alias", "unquoted flow", "unquoted if", "colon", "control")
LOOSER = {
    "unit ms with %": "units are the linter's question",
    "unit ms bare": "units are the linter's question",
    "unit share bare": "units are the linter's question",
    "seconds without unit": "units are the linter's question",
    "unit count ms": "units are the linter's question",
    "unit per_s": "units are the linter's question",
    "unit value": "units are the linter's question",
    "unit unknown": "units are the linter's question",
    "missing label": "labels of each signal are the linter's question",
    "wrong label": "labels of each signal are the linter's question",
    "label twice": "labels of each signal are the linter's question",
    "unbound": "for_each stands elsewhere in the file",
    "bound other": "for_each stands elsewhere in the file",
    "gauge window": "windows are the linter's question",
    "half window": "windows are the linter's question",
    "long window": "windows are the linter's question",
    "for twice": "the text and its neighbour are compared",
    "ticks beside a duration": "the text and its neighbour are compared",
    "one tick": "the text is a number",
    "lift arms": "what is in a call is the linter's question",
    "lift args": "what is in a call is the linter's question",
    "lift part": "what is in a call is the linter's question",
    "anomaly compare": "what is in a call is the linter's question",
    "stages": "the shares of a list are compared",
    "stages every": "the number of a duration",
    "budget long": "the number of a duration",
    "a for beyond all bounds": "the number of a duration",
    "a for that is no number any more": "the number of a duration",
    "a for beside a condition": "the number of a duration",
    "a long wait for an expectation": "the number of a duration",
    "a slate cached for ever": "the number of a duration",
    "data of all times": "the number of a duration",
    "a route that never expires": "the number of a duration",
    "a freeze for a year": "the number of a duration",
    "a cooldown of ages": "the number of a duration",
    "an escaped control character": "characters are the reader's question",
    "text turned around": "characters are the reader's question",
    "a control character of the second set": "characters are the reader's question",
    "an endless threshold": "the size of a number",
    "an endless window": "the size of a number",
}
"""What only the linter refuses of `PARTS`, and why."""


@pytest.mark.parametrize("name", [n for n in PARTS if not n.startswith(TEXT_RULES)])
def test_what_the_linter_refuses_for_its_shape_the_schema_refuses(
    name: str, language: Any, schema: Draft202012Validator
) -> None:
    parts, line = PARTS[name]
    try:
        text = language.text(**parts)
        tree = plain(read_yaml(text))
    except Problem:
        return  # no YAML, no document
    assert schema.is_valid(tree) == bool(LOOSER.get(name)), line


@pytest.mark.parametrize("rule", [rule for rule in PAGES if rule < "P020"])
def test_the_examples_of_rules_of_shape_are_judged_alike(
    rule: str, real_schema: Draft202012Validator
) -> None:
    page = PAGES[rule]
    assert [faults(real_schema, text) for text in page.good.texts()] == [[]] * len(page.good.files)
    if rule in ("P010", "P011", "P012", "P013"):
        assert faults(real_schema, page.bad.texts()[0])


VALUES = {
    "arm": "primary",
    "arm or variable": "$arm",
    "share": "50%",
    "part": "20%",
    "stages": "[100%]",
    "segments": "{platform: ios}",
    "duration": "1h",
    "span of data": "last 24h",
    "then": "evaluate",
    "version": "v1",
    "replicas": "3",
    "frozen": "all",
    "channel": "oncall",
    "text": "Look.",
    "url": "https://example.org",
    "body": "{team: recs}",
}


def _reads(action: str, fields: dict[str, str]) -> bool:
    node = read_yaml("{" + ", ".join(f"{key}: {value}" for key, value in fields.items()) + "}")
    try:
        read_action(action, node, "x", Places())
    except Problem:
        return False
    return True


@pytest.mark.parametrize("action", ACTION_READERS)
def test_reader_and_schema_agree_on_every_field_of_an_action(
    action: str, schema: Draft202012Validator, language: Any
) -> None:
    fields = {name: VALUES[field.kind] for name, field in ACTION_FIELDS[action].items()}
    for kept in EITHER.get(action, (frozenset(fields),)):
        whole = {name: value for name, value in fields.items() if name in kept}
        tries = [whole, {**whole, "unheard_of": "1"}, *({**whole, n: "[]"} for n in whole)]
        tries += [{k: v for k, v in whole.items() if k != n} for n in whole]
        tries += [
            {k: v for k, v in fields.items() if ACTION_FIELDS[action][k].required or k in kept}
        ]
        for some in tries:
            inside = ", ".join(f"{key}: {value}" for key, value in some.items())
            text = language.text(do=f"[{{{action}: {{{inside}}}}}]")
            assert (faults(schema, text) == []) == _reads(action, some), some
        assert _reads(action, whole)


def test_an_editor_is_offered_arms_and_every_signal(real: Vocabulary) -> None:
    defs = playbook_schema(real)["$defs"]
    route = defs["move"]["properties"]["route"]["properties"]
    assert route["from"]["enum"] == ["primary", "fallback"]
    offered = " ".join(defs["condition_text"]["examples"])
    for name in real.catalogue.specs:
        if name.count("(") < 2:
            assert name.split("(")[-1].split(")")[0].split(",")[0] in offered
    reader = ComparisonReader(real, None)
    for text in defs["condition_text"]["examples"]:
        assert reader.comparison(YamlText(text, Place(1), "text"), "when").text == text
