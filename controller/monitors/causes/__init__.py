"""Why an incident opened: what changed, in which groups of requests."""

from __future__ import annotations

from controller.monitors.causes import segments

MONITORS = (segments.MONITOR,)
