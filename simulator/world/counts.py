"""What has become of everybody, each counted at its own place so that they can be compared."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Counts:
    """Of all seconds given out so far."""

    arrived: int = 0
    """Visits, as the audience made them."""
    answered: int = 0
    """Users' requests that got a slate, as the service handled them."""
    clicked: int = 0
    """Requests whose slate was clicked."""
    outcomes: int = 0
    """Rows of clicks that reached the click log, doubles among them."""
    refused_plans: int = 0
    """Plans that routers did not take: older than what they hold, or not to be routed by."""
