"""Why an incident opened, as measured: a verdict and the causes, the likeliest first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["drift", "broken feature pipeline", "stale model", "system", "unknown"]
"""What kind of trouble it is: inputs moved; inputs are missing, defaulted or old; clicks fell while
all else is as usual; answers come late or wrong; nothing measured changed."""
CAUSES_LIMIT = 8
SENTENCE_LIMIT = 240


@dataclass(frozen=True, slots=True)
class Cause:
    """``kind``: segment, feature, group (of features), arm, plan or change.

    ``share`` is how much of the change it explains, 0 to 1; None for what is only close in time.
    ``support`` is the number of rows the finding rests on.
    """

    kind: str
    what: str
    share: float | None
    support: int
    sentence: str


@dataclass(frozen=True, slots=True)
class Event:
    """Something that changed and is in no telemetry. ``kind``: plan or change."""

    at_s: float
    kind: str
    what: str
