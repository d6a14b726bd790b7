"""Colours that colour-blind people can tell apart (Okabe and Ito 2008), and their meaning."""

from __future__ import annotations

INK = "#24292f"
QUIET_INK = "#6e7781"
GRID = "#e3e7eb"
BLUE, ORANGE, GREEN, SKY = "#0072b2", "#e69f00", "#009e73", "#56b4e9"
VERMILION, PINK, YELLOW = "#d55e00", "#cc79a7", "#f0e442"

FAULT = VERMILION
LIMIT = VERMILION
ARMS = {"primary": BLUE, "fallback": ORANGE, "challenger": GREEN}
OTHER_ARMS = (PINK, SKY, YELLOW, QUIET_INK)
PHASES = {
    "opened": YELLOW,
    "acting": VERMILION,
    "verifying": ORANGE,
    "holding": SKY,
    "returning": GREEN,
    "escalated": INK,
}
"""Of an incident that goes on; recovered and expired are its end."""


def arm_colours(arms: tuple[str, ...]) -> dict[str, str]:
    """Known arms always look the same; others take what is left, in order."""
    others = [arm for arm in arms if arm not in ARMS]
    colours = {arm: ARMS[arm] for arm in arms if arm in ARMS}
    return colours | {arm: OTHER_ARMS[n % len(OTHER_ARMS)] for n, arm in enumerate(others)}
