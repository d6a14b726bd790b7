"""Canonical JSON: one document, one sequence of bytes. Hashes and replay rest on it.

Keys sorted, no spaces, UTF-8, floats at most 15 significant digits (which every double keeps
through decimal and back) and no negative zero. NaN and infinities are our own mistake: ValueError.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

SIGNIFICANT_DIGITS = 15


def canonical_bytes(document: Any) -> bytes:
    """Bytes of a plain JSON document (mappings, sequences, str, int, float, bool, None).

    ``canonical_bytes(json.loads(canonical_bytes(x))) == canonical_bytes(x)``.
    Raise ValueError for a float that is not finite, TypeError for what is not JSON.
    """
    return json.dumps(
        stable(document), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def stable(value: Any) -> Any:
    """The document with every float in its stable form and every sequence a list."""
    if isinstance(value, float):
        rounded = float(f"{value:.{SIGNIFICANT_DIGITS}g}") + 0.0
        return rounded if math.isfinite(rounded) else value  # next to the largest double
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise TypeError(f"a JSON object has string keys, not {list(value)!r}")
        return {key: stable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [stable(item) for item in value]
    return value
