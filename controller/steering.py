"""Characters that steer a terminal, or turn text around, instead of being read."""

from __future__ import annotations

import re

_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
STEERING = re.compile(f"[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u2028\\u2029\\ufeff{_BIDI}]")
"""C0 and C1 control characters but for tab and line feed, line separators, bidi controls."""


def visible(text: str) -> str:
    """Such characters, and halves of surrogate pairs, as they are escaped: ``\\x1b``."""
    shown = STEERING.sub(lambda found: ascii(found[0])[1:-1], text)
    return shown.encode("utf-8", "backslashreplace").decode()
