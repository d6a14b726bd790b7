"""Service-level objectives: error budgets and burn rates."""

from __future__ import annotations

from controller.monitors.monitor import Monitor

MONITORS: tuple[Monitor, ...] = ()
