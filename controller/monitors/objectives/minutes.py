"""Was the minute that just ended good? What other signals' readings say of it."""

from __future__ import annotations

from controller.core.readings import Reading, Readings, ReadingState, SignalKey
from controller.settings import Objective, Settings

COST = "cost_per_1000"


def judged_minute(objective: Objective, readings: Readings, settings: Settings) -> bool | None:
    """Good, bad, or None: nothing is known of it."""
    if objective.indicator == "cost":
        cost = _cost(readings)
        return None if cost is None else cost < (objective.threshold or 0.0)
    found = _longest(readings, lift_upper(settings))
    if found is None or found.value is None or found.state is not ReadingState.OK:
        return None
    return found.value >= (objective.threshold or 0.0)


def lift_upper(settings: Settings) -> str:
    """The most the arm with the largest share may click above the fallback, as a signal."""
    others = {n: arm.share for n, arm in settings.arms.items() if n != settings.fallback_arm}
    arm = max(others, key=lambda name: others[name], default=settings.fallback_arm)
    return f"lift(ctr,{arm},{settings.fallback_arm}).upper"


def _cost(readings: Readings) -> float | None:
    """Of all arms together, each by its slates."""
    arms = {key.labels for key in readings if key.name == COST}
    found = [_longest(readings, COST, labels) for labels in sorted(arms)]
    known = [
        (r.value, max(1, r.sample_size))
        for r in found
        if r is not None and r.value is not None and r.state is ReadingState.OK
    ]
    if not known:
        return None
    return sum(value * n for value, n in known) / sum(n for _, n in known)


def _longest(
    readings: Readings, name: str, labels: tuple[tuple[str, str], ...] | None = None
) -> Reading | None:
    """Over the longest window there is."""
    keys: list[SignalKey] = [
        key for key in readings if key.name == name and labels in (None, key.labels)
    ]
    return readings[max(keys, key=lambda key: key.window_s)] if keys else None
