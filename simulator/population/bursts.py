"""Announced crowds: how high each stands when, and which lane of visit numbers is its own."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from simulator.population.people import Floats
from simulator.spec import Burst

LANES = 1 << 17
"""Lane 0 is the base stream's."""


_INSTANT_S = 1e-6


def height(burst: Burst, at_s: Floats) -> Floats:
    """Extra rate at ``at_s`` seconds of the run, in mean rates.

    The whole crowd comes and goes within ``for_s``; a rise and a fall that are longer together
    than that are shortened alike.
    """
    fit = min(1.0, burst.for_s / max(burst.rise_s + burst.fall_s, _INSTANT_S))
    rise_s, fall_s = fit * burst.rise_s, fit * burst.fall_s
    within_s = at_s - burst.at_s
    rising = _share(within_s, rise_s)
    falling = _share(burst.for_s - within_s, fall_s)
    return np.asarray(burst.factor * np.minimum(rising, falling))


def highest(burst: Burst, from_s: float, until_s: float) -> float:
    """The greatest height in the span; it rises, stands and falls, so three times tell."""
    fit = min(1.0, burst.for_s / max(burst.rise_s + burst.fall_s, _INSTANT_S))
    top_s = burst.at_s + fit * burst.rise_s
    end_s = burst.at_s + burst.for_s - fit * burst.fall_s
    near_s = np.clip(np.array([top_s, end_s]), from_s, until_s)
    return float(height(burst, np.concatenate([near_s, [from_s, until_s]])).max())


def with_lanes(bursts: Sequence[Burst]) -> list[tuple[int, str, Burst]]:
    """(lane, name of its streams, burst) by time, each once even where two bursts are equal.

    The lane comes from what the burst is, so that another burst renumbers nobody.
    """
    seen: dict[str, int] = {}
    taken: dict[int, str] = {0: ""}
    laned = []
    for burst in sorted(bursts, key=lambda burst: (burst.at_s, repr(burst))):
        alike = seen[repr(burst)] = seen.get(repr(burst), 0) + 1
        name = f"{burst!r} {alike}"
        lane = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") % LANES
        while lane in taken:
            lane = (lane + 1) % LANES
        taken[lane] = name
        laned.append((lane, name, burst))
    return laned


def _share(passed_s: Floats, whole_s: float) -> Floats:
    """0 before, 1 after ``whole_s``, a ramp between."""
    if whole_s < _INSTANT_S:
        return np.asarray(passed_s >= 0.0, dtype=np.float64)
    return np.asarray(np.clip(passed_s / whole_s, 0.0, 1.0))
