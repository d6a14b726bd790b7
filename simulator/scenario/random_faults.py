"""Which faults a random mix has, when and how strong: enough for the brisk playbooks to act.

A third is benign. The others have a theme, a fault that comes once or again, and may have others
on top of it and an outage of the controller, its store or its bus in the middle.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulator.faults import FAULTS

BENIGN = frozenset({"nothing", "flash_crowd", "holiday", "planned_deploy"})
OUTAGES = ("controller_crash", "store_outage", "bus_outage")
"""They hit the controller itself."""
UNSEEN = frozenset({"flat_scores"})
"""Nothing looks at what they do before it has learnt for an hour."""
FIRST_FAULT_S = 30
FAULTS_MOST = 6
BENIGN_SHARE = 1 / 3
OUTAGE_SHARE = 0.35

Draw = np.random.Generator
Parameters = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Planned:
    """A fault from ``at_s`` for ``for_s``, in seconds of the run."""

    at_s: int
    for_s: int
    name: str
    parameters: Parameters

    @property
    def off_s(self) -> int:
        return self.at_s + self.for_s

    @property
    def entry(self) -> dict[str, Parameters]:
        """As a document says it."""
        return {self.name: {"at": f"{self.at_s}s", "for": f"{self.for_s}s", **self.parameters}}


def random_faults(draw: Draw, last_off_s: int) -> list[Planned]:
    """In order of time, all off at ``last_off_s``; those that take hold of the same come one
    after another."""
    if draw.random() < BENIGN_SHARE:
        names = sorted(BENIGN)
        wished = [_somewhere(draw, _one(draw, *names), last_off_s) for _ in range(_few(draw, 0, 2))]
    else:
        wished = _theme(draw, last_off_s)
        on_top = sorted(set(FAULTS) - set(OUTAGES) - UNSEEN)
        wished += [
            _somewhere(draw, _one(draw, *on_top), last_off_s) for _ in range(_few(draw, 0, 2))
        ]
        if draw.random() < OUTAGE_SHARE:
            wished.append(_outage(draw, wished[0], last_off_s))
    kept: list[Planned] = []
    for each in wished:
        if not any(_collide(each, other) for other in kept):
            kept.append(each)
    return sorted(kept[:FAULTS_MOST], key=lambda each: (each.at_s, each.for_s, each.name))


def _theme(draw: Draw, last_off_s: int) -> list[Planned]:
    """The same fault up to three times, so that cooldowns and budgets have something to say."""
    name = _one(draw, *THEMES)
    parameters = _parameters(draw, name)
    at_s, found = _few(draw, FIRST_FAULT_S, 60), []
    for _ in range(_few(draw, 1, 3)):
        for_s = _span_s(draw, name, last_off_s - at_s)
        if for_s < 10:
            break
        found.append(Planned(at_s, for_s, name, parameters))
        at_s += for_s + _few(draw, 15, 50)
    return found


def _somewhere(draw: Draw, name: str, last_off_s: int) -> Planned:
    for_s = _span_s(draw, name, last_off_s - FIRST_FAULT_S)
    at_s = _few(draw, FIRST_FAULT_S, last_off_s - for_s)
    return Planned(at_s, for_s, name, _parameters(draw, name))


def _outage(draw: Draw, amid: Planned, last_off_s: int) -> Planned:
    """It begins while the fault is on or just over, when an incident is likely open."""
    at_s = _few(draw, amid.at_s + 3, min(amid.off_s + 20, last_off_s - 10))
    return Planned(at_s, _few(draw, 5, min(45, last_off_s - at_s)), _one(draw, *OUTAGES), {})


def _span_s(draw: Draw, name: str, most_s: int) -> int:
    least_s, longest_s = SPANS_S.get(name, (15, 90))
    return min(most_s, _few(draw, least_s, longest_s))


def _collide(one: Planned, other: Planned) -> bool:
    apart = one.at_s >= other.off_s or other.at_s >= one.off_s
    return not apart and _subject(one.name) == _subject(other.name)


def _subject(name: str) -> str:
    return FAULTS[name](at_s=0.0, for_s=1.0).subject


def _few(draw: Draw, least: int, most: int) -> int:
    return int(draw.integers(least, most + 1))


def _one(draw: Draw, *words: str) -> str:
    return words[int(draw.integers(len(words)))]


def _percent(draw: Draw, least: int, most: int) -> str:
    return f"{_few(draw, least, most)}%"


def _number(draw: Draw, least: float, most: float) -> float:
    return round(float(draw.uniform(least, most)), 1)


def _parameters(draw: Draw, name: str) -> Parameters:
    make = _PARAMETERS.get(name)
    return {} if make is None else make(draw)


def _group(draw: Draw) -> Parameters:
    return {"group": _one(draw, "user_recent", "item_hour")}


THEMES = (
    "slow_primary",
    "slow_primary",
    "slow_tail",
    "errors",
    "errors",
    "replica_crash",
    "stale_features",
    "stale_features",
    "click_log_outage",
    "click_log_outage",
    "input_shift",
    "telemetry_lag",
)
"""A name that stands here twice comes twice as often."""

SPANS_S = {
    "slow_primary": (15, 60),
    "slow_tail": (20, 70),
    "errors": (15, 60),
    "stale_features": (55, 120),
    "click_log_outage": (28, 70),
    "input_shift": (90, 150),
    "input_drift": (90, 150),
    "controller_crash": (5, 45),
    "store_outage": (5, 45),
    "bus_outage": (5, 45),
}
"""(least, most): long enough for the playbook that answers."""

_PARAMETERS: dict[str, Callable[[Draw], Parameters]] = {
    "slow_primary": lambda draw: {"delay": f"{_few(draw, 120, 600)}ms"},
    "slow_tail": lambda draw: {
        "delay": f"{_few(draw, 150, 600)}ms",
        "share": _percent(draw, 5, 60),
    },
    "replica_crash": lambda draw: {"replicas": _few(draw, 1, 2)},
    "slow_replica": lambda draw: {"delay": f"{_few(draw, 60, 400)}ms"},
    "heavy_answers": lambda draw: {"factor": _number(draw, 2.0, 10.0)},
    "errors": lambda draw: {"share": _percent(draw, 20, 100)},
    "stale_features": _group,
    "null_features": lambda draw: {**_group(draw), "share": _percent(draw, 20, 100)},
    "input_shift": lambda draw: {"size_sd": _number(draw, 1.0, 3.0)},
    "input_drift": lambda draw: {
        "size_sd": _number(draw, 1.0, 3.0),
        "ramp": f"{_few(draw, 20, 60)}s",
    },
    "ctr_collapse": lambda draw: {"click_factor": _number(draw, 0.0, 0.8)},
    "telemetry_lag": lambda draw: {"lag": f"{_few(draw, 2, 60)}s"},
    "telemetry_loss": lambda draw: {"share": _percent(draw, 20, 100)},
    "flash_crowd": lambda draw: {"factor": _number(draw, 0.5, 3.0)},
    "holiday": lambda draw: {"factor": _number(draw, 0.2, 1.0), "ramp": "20s"},
}
"""What may be set of each fault, beyond when; faults that are not named have nothing to set."""
