"""Golden files: all that happened in the tests of one file, compared byte for byte. Pure text."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import unified_diff
from itertools import islice

from controller.rehearsal.verdict import Verdict

SUFFIX = ".golden.txt"
DIFF_LINES = 24


def golden_name(stem: str) -> str:
    """The file that lies beside ``STEM.yaml``."""
    return f"{stem}{SUFFIX}"


def golden_text(verdicts: Iterable[Verdict]) -> str:
    """The timelines of a file's tests, in their order."""
    return "\n".join(verdict.timeline for verdict in verdicts)


def golden_difference(golden: str, now: str) -> str:
    """The first lines that differ, ``-`` as the golden file has them; empty when none does."""
    if golden == now:
        return ""
    lines = unified_diff(golden.splitlines(), now.splitlines(), "golden", "now", lineterm="", n=2)
    return "\n".join(islice(lines, DIFF_LINES)) or "the files differ only in their line ends"
