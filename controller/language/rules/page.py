"""One page of a rule: why it is there, a text it refuses and the nearest one it lets pass.

The examples are data, so that a test runs every one of them and the pages cannot be wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from controller.language.findings import RULES

BASE: Mapping[str, str] = {
    "version": "1",
    "playbook": "slow",
    "owner": "recs-oncall",
    "why": "The primary is slow.",
    "when": "arm_latency_ms.p95{arm=primary} > 150ms for 5s",
    "no_data": "hold",
    "do": "\n  - route: {from: primary, to: fallback, share: 100%}",
    "clear_when": "arm_latency_ms.p95{arm=primary}[30s] < 90ms for 60s",
}
"""What every example changes; it has no findings itself."""
LONGEST_LINE = 100
FILES = ("first.yaml", "second.yaml")


@dataclass(frozen=True, slots=True)
class Example:
    """Changes of `BASE`, one mapping for each file; None leaves a key out.

    ``below`` is text under the keys of the only file. ``settings``: lines of `selfright.yaml`.
    """

    files: tuple[Mapping[str, str | None], ...]
    below: str = ""
    settings: str = ""

    def texts(self) -> tuple[str, ...]:
        """The whole files."""
        return tuple(_yaml({**BASE, **changes}) + self.below for changes in self.files)

    def shown(self) -> str:
        """Only what differs from the base, for people."""
        blocks = []
        for name, changes in zip(FILES, self.files, strict=False):
            lines = _yaml(changes) + self.below or "# as above\n"
            heading = f"# {name}\n" if len(self.files) > 1 else ""
            left_out = [f"# no `{key}`\n" for key, value in changes.items() if value is None]
            blocks.append(heading + lines + "".join(left_out))
        settings = f"# selfright.yaml\n{self.settings}" if self.settings else ""
        return "".join(_cut(line) for line in "".join([settings, *blocks]).splitlines())


@dataclass(frozen=True, slots=True)
class Page:
    """``why``: what goes wrong without the rule, for whoever has just been refused."""

    why: str
    bad: Example
    good: Example


def change(*, below: str = "", settings: str = "", **parts: str | None) -> Example:
    """One file that differs from the base in these keys."""
    return Example((parts,), below, settings)


def both(*files: Mapping[str, str | None]) -> Example:
    """A folder of files, each with its changes."""
    return Example(files)


AS_IT_IS = change()


def markdown(rule: str, page: Page) -> Iterator[str]:
    """The lines of a page."""
    yield f"## {rule}"
    yield ""
    yield f"**{RULES[rule][0].upper()}{RULES[rule][1:]}.** {page.why}"
    yield ""
    for verdict, example in (("Refused", page.bad), ("Accepted", page.good)):
        yield f"{verdict}:"
        yield ""
        yield "```yaml"
        yield from example.shown().splitlines()
        yield "```"
        yield ""


def _yaml(parts: Mapping[str, str | None]) -> str:
    def line(key: str, value: str) -> str:
        return f"{key}:{value}\n" if value.startswith("\n") else f"{key}: {value}\n"

    return "".join(line(key, value) for key, value in parts.items() if value is not None)


def _cut(line: str) -> str:
    return line + "\n" if len(line) <= LONGEST_LINE else f"{line[:60]}…  ({len(line)} characters)\n"
