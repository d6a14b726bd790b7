"""What users did with it: clicks, and whether they can be believed."""

from __future__ import annotations

from controller.monitors.monitor import Monitor
from controller.monitors.outcome import clicks

MONITORS: tuple[Monitor, ...] = (clicks.MONITOR,)
