"""Which records of the decision log a person asks for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class DecisionFilter:
    """None asks for nothing. ``since_s`` and ``until_s`` are included."""

    since_s: float | None = None
    until_s: float | None = None
    playbook: str | None = None
    arm: str | None = None
    phase: str | None = None
    incident: str | None = None

    def takes(self, document: Mapping[str, Any]) -> bool:
        at_s = float(document["at_s"])
        if self.since_s is not None and at_s < self.since_s:
            return False
        if self.until_s is not None and at_s > self.until_s:
            return False
        named = (
            (self.playbook, document["playbook"]),
            (self.phase, document["phase"]),
            (self.incident, document["incident"]),
        )
        if any(wanted is not None and wanted != found for wanted, found in named):
            return False
        return self.arm is None or concerns_arm(document, self.arm)


def concerns_arm(document: Mapping[str, Any], arm: str) -> bool:
    """Whether a condition reads the arm, or a claim on it is the incident's or has changed."""
    label = re.compile(rf"\barm={re.escape(arm)}(?![\w\-])")
    if any(label.search(seen["text"]) for seen in document["conditions"]):
        return True
    before, after = document["claims_before"], document["claims_after"]
    return any(
        arm in (claim.get("source"), claim.get("target"), *claim.get("shares", ()))
        for claim in (*before, *after)
        if (claim in before) != (claim in after) or claim.get("owner") == document["incident"]
    )
