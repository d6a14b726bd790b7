"""What models answer: scores, confidence, calibration, slates."""

from __future__ import annotations

from controller.monitors.model import attribution, calibration, scores, slates
from controller.monitors.monitor import Monitor

MONITORS: tuple[Monitor, ...] = (
    scores.MONITOR,
    calibration.MONITOR,
    attribution.MONITOR,
    slates.MONITOR,
)
