"""JUnit XML, as CI servers read it: a test suite a file, a test case a test."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement, indent, tostring

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold at all, not even escaped."""


@dataclass(frozen=True, slots=True)
class Case:
    """``why`` empty: passed. ``took_s`` is wall time."""

    name: str
    took_s: float
    why: str = ""
    details: str = ""


@dataclass(frozen=True, slots=True)
class Suite:
    file: str
    cases: tuple[Case, ...]


def junit_xml(suites: Sequence[Suite]) -> bytes:
    """The whole report, UTF-8."""
    root = Element("testsuites", _counts([case for suite in suites for case in suite.cases]))
    for suite in suites:
        of_file = SubElement(root, "testsuite", {"name": suite.file, **_counts(suite.cases)})
        for case in suite.cases:
            _case(of_file, suite, case)
    indent(root)
    return bytes(tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _case(of_file: Element, suite: Suite, case: Case) -> None:
    named = {
        "classname": suite.file,
        "name": _printable(case.name),
        "file": suite.file,
        "time": f"{case.took_s:.3f}",
    }
    element = SubElement(of_file, "testcase", named)
    if case.why:
        failure = SubElement(element, "failure", {"message": _printable(case.why)})
        failure.text = _printable(case.details)


def _counts(cases: Sequence[Case]) -> dict[str, str]:
    return {
        "tests": str(len(cases)),
        "failures": str(sum(bool(case.why) for case in cases)),
        "errors": "0",
        "time": f"{sum(case.took_s for case in cases):.3f}",
    }


def _printable(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
