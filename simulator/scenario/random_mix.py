"""Random scenarios: a document first, so that every one can be written down as YAML.

They expect nothing of their own; the invariants judge them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator.population.streams import Streams
from simulator.scenario.loading import scenario_from_document
from simulator.scenario.model import Scenario
from simulator.scenario.random_faults import random_faults
from simulator.scenario.random_people import random_commands

CALM_S = 150
"""The last fault is off, and the last command over, at least this long before the end, so that
recovery can be seen."""
COMMANDED_SHARE = 0.4
CACHE_TTL_MOST_S = 10
"""A kept answer is as old as its features: with more, the brisk `stale-features` never clears."""

Draw = np.random.Generator


def random_scenario(seed: int) -> Scenario:
    """The same for the same seed, whatever else is drawn."""
    return scenario_from_document(random_document(seed))


def random_document(seed: int) -> dict[str, Any]:
    """6 to 8 minutes, 10 to 25 requests per second, up to 6 faults, often people who interfere."""
    streams = Streams(seed)
    draw = streams.named("random scenario")
    duration_s = 60 * int(draw.integers(6, 9))
    last_s = duration_s - CALM_S
    faults = random_faults(streams.named("random faults"), last_s)
    document = {
        "version": 1,
        "scenario": f"random-{seed}",
        "why": "A random mix of faults; no invariant may break.",
        "duration": f"{duration_s // 60}m",
        "settings": {
            "probe_per_s": int(draw.integers(5, 21)),
            "attribution_window_s": int(draw.integers(10, 31)),
            "cache_ttl_s": int(draw.integers(0, CACHE_TTL_MOST_S + 1)),
            "input_sample_share": 1.0,
        },
        "playbooks": str(draw.choice(["brisk", "shipped"], p=[0.9, 0.1])),
        "traffic": _traffic(draw),
        "users": {"users": 300, "items": 200, "click_model": _click_model(draw)},
        "service": {
            "routers": int(draw.integers(1, 3)),
            "arms": {"primary": {"latency": f"{draw.integers(10, 31)}ms"}},
            "train": f"{draw.integers(20, 91)}s",
        },
        "faults": [each.entry for each in faults],
    }
    people = streams.named("random people")
    if people.random() < COMMANDED_SHARE:
        document["commands"] = random_commands(people, last_s)
    return document


def _traffic(draw: Draw) -> dict[str, Any]:
    traffic: dict[str, Any] = {"rate": f"{draw.integers(10, 26)}/s"}
    if draw.random() < 0.5:
        traffic["burstiness"] = round(float(draw.uniform(0.1, 0.5)), 2)
    return traffic


def _click_model(draw: Draw) -> str:
    return ("position", "cascade")[int(draw.integers(2))]
