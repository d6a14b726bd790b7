"""Service-level objectives: error budgets and burn rates."""

from __future__ import annotations

from controller.monitors.monitor import Monitor
from controller.monitors.objectives import budgets

MONITORS: tuple[Monitor, ...] = (budgets.MONITOR,)
