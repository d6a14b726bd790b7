"""Every rule has a page, and the examples on it do what the page says."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from controller.core.readings import Catalogue
from controller.errors import BadInput
from controller.language.findings import RULES, Finding
from controller.language.loading import check
from controller.language.rules import AS_IT_IS, PAGES, all_pages, rule_page
from controller.language.rules.page import Example
from controller.monitors.layers import catalogue_of
from controller.settings import Settings


@pytest.fixture(scope="module")
def real_catalogue() -> Catalogue:
    return catalogue_of(Settings())


def findings(example: Example, folder: Path, catalogue: Catalogue) -> list[Finding]:
    for number, text in enumerate(example.texts()):
        (folder / f"{number}.yaml").write_text(text, encoding="utf-8")
    document = YAML(typ="safe").load(example.settings) or {}
    return check([folder], Settings.model_validate(document), catalogue)


@pytest.mark.parametrize("rule", RULES)
def test_the_bad_example_of_a_rule_breaks_it_alone_and_the_good_one_none(
    rule: str, tmp_path: Path, real_catalogue: Catalogue
) -> None:
    page = PAGES[rule]
    bad, good = tmp_path / "bad", tmp_path / "good"
    bad.mkdir()
    good.mkdir()
    found = findings(page.bad, bad, real_catalogue)
    assert [finding.rule for finding in found] == [rule], [f.one_line() for f in found]
    assert found[0].line >= 1
    assert found[0].advice
    assert [f.one_line() for f in findings(page.good, good, real_catalogue)] == []


def test_every_rule_has_a_page_and_every_page_a_rule() -> None:
    assert list(PAGES) == list(RULES)


def test_the_file_of_pages_is_made_of_the_same_data() -> None:
    file = Path(__file__).parents[2] / "playbooks" / "rules.md"
    assert file.read_text(encoding="utf-8") == all_pages()


def test_a_page_is_found_by_its_id_and_no_other_word() -> None:
    assert rule_page("p031").startswith("## P031\n\n**Every condition can be met")
    with pytest.raises(BadInput, match="unknown rule 'P999'"):
        rule_page("P999")


def test_the_base_of_the_examples_is_itself_accepted(
    tmp_path: Path, real_catalogue: Catalogue
) -> None:
    assert findings(AS_IT_IS, tmp_path, real_catalogue) == []
