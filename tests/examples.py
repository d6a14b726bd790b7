"""How many examples the laws are tried on: few in CI, thousands when asked."""

from __future__ import annotations

import os

MANY = "SELFRIGHT_EXAMPLES"


def examples(few: int) -> int:
    """``few``, or as many as the environment asks for."""
    return max(few, int(os.environ.get(MANY, "0")))
