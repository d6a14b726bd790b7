"""What models answer: scores, confidence, calibration, slates."""

from __future__ import annotations

from controller.monitors.monitor import Monitor

MONITORS: tuple[Monitor, ...] = ()
