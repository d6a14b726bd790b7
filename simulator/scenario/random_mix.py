"""Random scenarios: a document first, so that every one can be written down as YAML.

They expect nothing of their own; the invariants judge them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from simulator.faults import FAULTS
from simulator.population.streams import Streams
from simulator.scenario.loading import scenario_from_document
from simulator.scenario.model import Scenario

BENIGN_SHARE = 1 / 3
FIRST_FAULT_S = 30
CALM_S = 150
"""The last fault is off at least this long before the end, so that recovery can be seen."""

Draw = np.random.Generator
Parameters = dict[str, Any]


def random_scenario(seed: int) -> Scenario:
    """The same for the same seed, whatever else is drawn."""
    return scenario_from_document(random_document(seed))


def random_document(seed: int) -> dict[str, Any]:
    """6 to 12 minutes, 10 to 40 requests per second, up to 3 faults."""
    draw = Streams(seed).named("random scenario")
    duration_s = 60 * int(draw.integers(6, 13))
    return {
        "version": 1,
        "scenario": f"random-{seed}",
        "why": "A random mix of faults; no invariant may break.",
        "duration": f"{duration_s // 60}m",
        "settings": {
            "probe_per_s": int(draw.integers(5, 21)),
            "attribution_window_s": int(draw.integers(10, 31)),
            "cache_ttl_s": int(draw.integers(0, 31)),
            "input_sample_share": 1.0,
        },
        "playbooks": str(draw.choice(["brisk", "shipped"], p=[0.8, 0.2])),
        "traffic": _traffic(draw),
        "users": {"users": 300, "items": 200, "click_model": _one(draw, "position", "cascade")},
        "service": {
            "routers": int(draw.integers(1, 3)),
            "arms": {"primary": {"latency": f"{draw.integers(10, 31)}ms"}},
            "train": f"{draw.integers(20, 91)}s",
        },
        "faults": _faults(draw, duration_s),
    }


def _traffic(draw: Draw) -> Parameters:
    traffic: Parameters = {"rate": f"{draw.integers(10, 41)}/s"}
    if draw.random() < 0.5:
        traffic["burstiness"] = round(float(draw.uniform(0.1, 0.5)), 2)
    return traffic


def _faults(draw: Draw, duration_s: int) -> list[dict[str, Any]]:
    """In order of time; two that take hold of the same come one after another."""
    entries: list[tuple[int, int, str, Parameters]] = []
    for _ in range(int(draw.integers(0, 4))):
        name = _name(draw)
        longest_s = duration_s - CALM_S - FIRST_FAULT_S
        for_s = int(draw.integers(10, min(120, longest_s) + 1))
        at_s = int(draw.integers(FIRST_FAULT_S, duration_s - CALM_S - for_s + 1))
        entries.append((at_s, for_s, name, _PARAMETERS.get(name, _nothing)(draw)))
    kept: list[tuple[int, int, str, Parameters]] = []
    for entry in sorted(entries, key=lambda each: each[:3]):
        if not any(_collide(entry, other) for other in kept):
            kept.append(entry)
    return [
        {name: {"at": f"{at_s}s", "for": f"{for_s}s", **parameters}}
        for at_s, for_s, name, parameters in kept
    ]


def _collide(
    one: tuple[int, int, str, Parameters], other: tuple[int, int, str, Parameters]
) -> bool:
    apart = one[0] >= other[0] + other[1] or other[0] >= one[0] + one[1]
    return not apart and _subject(one[2]) == _subject(other[2])


def _subject(name: str) -> str:
    return FAULTS[name](at_s=0.0, for_s=1.0).subject


def _name(draw: Draw) -> str:
    benign = [name for name in FAULTS if name in BENIGN]
    harmful = [name for name in FAULTS if name not in BENIGN]
    names = benign if draw.random() < BENIGN_SHARE else harmful
    return names[int(draw.integers(len(names)))]


BENIGN = frozenset({"nothing", "flash_crowd", "holiday", "planned_deploy"})


def _one(draw: Draw, *words: str) -> str:
    return words[int(draw.integers(len(words)))]


def _percent(draw: Draw, least: int, most: int) -> str:
    return f"{draw.integers(least, most + 1)}%"


def _nothing(draw: Draw) -> Parameters:
    del draw
    return {}


def _group(draw: Draw) -> Parameters:
    return {"group": _one(draw, "user_recent", "item_hour")}


_PARAMETERS: dict[str, Callable[[Draw], Parameters]] = {
    "slow_primary": lambda draw: {"delay": f"{draw.integers(50, 601)}ms"},
    "slow_tail": lambda draw: {
        "delay": f"{draw.integers(100, 601)}ms",
        "share": _percent(draw, 2, 50),
    },
    "replica_crash": lambda draw: {"replicas": int(draw.integers(1, 3))},
    "errors": lambda draw: {"share": _percent(draw, 5, 100)},
    "stale_features": _group,
    "null_features": lambda draw: {**_group(draw), "share": _percent(draw, 10, 100)},
    "input_shift": lambda draw: {"size_sd": round(float(draw.uniform(0.5, 3.0)), 1)},
    "input_drift": lambda draw: {
        "size_sd": round(float(draw.uniform(0.5, 3.0)), 1),
        "ramp": f"{draw.integers(20, 91)}s",
    },
    "ctr_collapse": lambda draw: {"click_factor": round(float(draw.uniform(0.0, 0.8)), 2)},
    "telemetry_lag": lambda draw: {"lag": f"{draw.integers(2, 61)}s"},
    "telemetry_loss": lambda draw: {"share": _percent(draw, 5, 100)},
    "flash_crowd": lambda draw: {"factor": round(float(draw.uniform(0.5, 3.0)), 1)},
    "holiday": lambda draw: {"factor": round(float(draw.uniform(0.2, 1.0)), 1), "ramp": "20s"},
}
"""What may be set of each fault, beyond when; faults that are not named have nothing to set."""
