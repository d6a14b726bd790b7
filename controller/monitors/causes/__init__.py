"""Where a change sits: segments, features, arms, versions, recent changes."""

from __future__ import annotations

from controller.monitors.monitor import Monitor

MONITORS: tuple[Monitor, ...] = ()
