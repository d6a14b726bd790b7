"""Two kinds of error.

    SelfrightError
    ├── BadInput       the user's: one line, what, where, what is accepted; exit code 2
    └── WorldError     the world's, an expected state with a stated behaviour
        ├── Unavailable    trying again may help
        └── Rejected       it will not (wrong password, not the leader)

Our own mistakes are neither: they crash.
"""

from __future__ import annotations


class SelfrightError(Exception):
    """Anything this program says about the world or about its input."""


class BadInput(SelfrightError):
    """Input a person can mend. ``str()`` is the whole line: ``FILE:LINE: FIELD: what``."""

    def __init__(
        self, what: str, *, file: str = "", line: int | None = None, field: str = ""
    ) -> None:
        place = file + (f":{line}" if line is not None else "")
        super().__init__(": ".join(part for part in (place, field, what) if part))
        self.what = what
        self.file = file
        self.line = line
        self.field = field


class WorldError(SelfrightError):
    """Something outside failed."""


class Unavailable(WorldError):
    """Not there now: refused, timed out, loading, unreachable."""


class Rejected(WorldError):
    """There, and said no: trying again changes nothing."""
