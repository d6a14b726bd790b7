"""What models are fed: how fresh, how complete, how far from what they learnt."""

from __future__ import annotations

from controller.monitors.data import completeness, drift, features, violations
from controller.monitors.monitor import Monitor

MONITORS: tuple[Monitor, ...] = (
    features.MONITOR,
    completeness.MONITOR,
    violations.MONITOR,
    drift.MONITOR,
)
