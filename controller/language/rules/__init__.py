"""A page for each rule of the linter: `selfright playbooks rule P031` and `playbooks/rules.md`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from controller.errors import BadInput
from controller.language.fields import suggestion
from controller.language.findings import RULES
from controller.language.rules.condition_pages import CONDITION_PAGES
from controller.language.rules.page import AS_IT_IS, BASE, Page, change, markdown
from controller.language.rules.sense_pages import SENSE_PAGES
from controller.language.rules.shape_pages import SHAPE_PAGES

__all__ = ["AS_IT_IS", "PAGES", "all_pages", "rule_page"]

PAGES: Mapping[str, Page] = {**SHAPE_PAGES, **CONDITION_PAGES, **SENSE_PAGES}

_HEAD = """\
# The rules of `selfright playbooks check`

Made by `selfright playbooks rule > playbooks/rules.md`; a test compares them, and runs every
example: what is refused breaks exactly its rule, and what is accepted breaks none.

Examples show only what differs from this playbook, which has no findings:
"""


def rule_page(rule: str) -> str:
    """One page. Raise BadInput for an unknown id."""
    page = PAGES.get(rule.upper())
    if page is None:
        raise BadInput(f"unknown rule {rule!r}; {suggestion(rule.upper(), tuple(RULES))}")
    return "\n".join(markdown(rule.upper(), page)).rstrip() + "\n"


def all_pages() -> str:
    """The whole of `playbooks/rules.md`."""
    return "\n".join(_all_lines()).rstrip() + "\n"


def _all_lines() -> Iterator[str]:
    yield _HEAD
    yield "```yaml"
    yield from change(**BASE).shown().splitlines()
    yield "```"
    yield ""
    for rule in RULES:
        yield from markdown(rule, PAGES[rule])
