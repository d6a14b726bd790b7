"""What can be wrong with a playbook, as values: the rules by id, and one finding of one rule.

Knows no YAML and no grammar; reading and linting both speak in these.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from controller.errors import BadInput

Severity = Literal["error", "warning"]

RULES: Mapping[str, str] = {
    "P001": "the file can be read: it exists, is UTF-8 and not too large",
    "P002": "the text is YAML 1.2, one document, of printable characters",
    "P003": "keys are text, not YAML booleans, numbers or nulls",
    "P004": "a key is given once",
    "P005": "no tags, merge keys, alias bombs or deep nesting",
    "P006": "conditions inside [ ] or { } are quoted",
    "P010": "keys are known",
    "P011": "required keys are given",
    "P012": "values are of the accepted kind and range",
    "P013": "numbers carry a known unit",
    "P014": "playbook names are unique in their folder",
    "P020": "conditions follow the grammar",
    "P021": "signals exist",
    "P022": "labels are those of the signal",
    "P023": "label values, feature groups, segments and topics exist",
    "P024": "thresholds are in the unit of their signal",
    "P025": "variables are bound by for_each",
    "P026": "windows are whole ticks and the signal has one",
    "P027": "`for` and `times` stand once, in no expectation; `times` not in `clear_when`",
    "P030": "the cooldown is at least as long as the verification",
    "P031": "every condition can be met, together with those beside it",
    "P032": "the sample of a drained arm can be reached by probes",
    "P033": "`no_data: act` starts protective actions only, and never clears",
    "P034": "drift alone moves no traffic",
    "P035": "arms exist",
    "P036": "routes lead somewhere else, once, and not in a circle",
    "P037": "`else: undo` only for actions that have an undo",
    "P038": "`within` leaves time for one window after adoption",
    "P039": "the budget pays for every rung, and can bind at all",
    "P040": "a `for` is no shorter than a tick",
    "P041": "no condition is always met",
    "P042": "`clear_when` cannot hold while `when` holds",
    "P043": "two playbooks that change one thing have a priority or exclude each other",
    "P044": "the service's limits can let every route through",
    "P045": "what is frozen exists: `all`, `promotions`, or a playbook of the folder",
    "P046": "only an arm with replicas of its own is scaled",
}
"""Rule id to what it demands. P00x text, P01x shape, P02x conditions, P03x and P04x sense."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a file: ``line`` from 1, ``column`` from 0."""

    line: int
    column: int = 0


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken rule. ``advice`` says what is accepted; ``excerpt`` has its caret at ``caret``."""

    file: str
    line: int
    rule: str
    severity: Severity
    message: str
    advice: str
    field: str = ""
    excerpt: str = ""
    caret: int = 0

    def one_line(self) -> str:
        """``FILE:LINE: RULE SEVERITY: FIELD: message; advice``."""
        said = ": ".join(part for part in (_on_one_line(self.field), self.what()) if part)
        return f"{self.file}:{self.line}: {self.rule} {self.severity}: {said}"

    def what(self) -> str:
        """Message and advice, without the place."""
        return _on_one_line(f"{self.message}; {self.advice}" if self.advice else self.message)

    def as_bad_input(self) -> BadInput:
        """The same as an error whose text is ``FILE:LINE: FIELD: message; advice``."""
        field = _on_one_line(self.field)
        return BadInput(self.what(), file=self.file, line=self.line, field=field)


class Problem(Exception):
    """A finding on its way up from the reader: no file name yet, never seen outside."""

    def __init__(
        self,
        rule: str,
        message: str,
        advice: str = "",
        *,
        place: Place,
        field: str = "",
        excerpt: str = "",
        caret: int = 0,
    ) -> None:
        super().__init__(message)
        self.place = place
        self.finding = Finding(
            "", place.line, rule, "error", message, advice, field, excerpt, caret
        )


def _on_one_line(text: str) -> str:
    """Keys and values of the author may hold any character, line ends too."""
    return " ".join(text.splitlines())


def with_source(finding: Finding, file: str, lines: list[str], column: int) -> Finding:
    """Name the file, and show the line of the file where the finding has no excerpt yet."""
    if finding.excerpt or not 0 < finding.line <= len(lines):
        return replace(finding, file=file)
    source = lines[finding.line - 1]
    return replace(finding, file=file, excerpt=source, caret=min(column, len(source)))
