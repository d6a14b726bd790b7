"""What users did with it: clicks, and whether they can be believed."""

from __future__ import annotations

from controller.monitors.monitor import Monitor
from controller.monitors.outcome import below_control, bots, clicks, late_clicks, sample_ratio

MONITORS: tuple[Monitor, ...] = (
    clicks.MONITOR,
    late_clicks.MONITOR,
    bots.MONITOR,
    below_control.MONITOR,
    sample_ratio.MONITOR,
)
