"""Whether an expectation that came true says that the action helped, or only that time passed.

What is bad enough to act on is mostly better later, whatever was done (regression to the mean:
Barnett et al., International Journal of Epidemiology 34, 2005). So before and after prove nothing.
Two things do: the fault is still there, as probes and the arm's own attempts show, and what was
expected holds nevertheless; or the expectation itself compares two arms over the same time.
"""

from __future__ import annotations

from controller.core.conditions import TOLERANCE, Evaluation, Truth, comparisons, key_of
from controller.core.playbook import Condition
from controller.core.settings import JudgeSettings


def fault_goes_on(when: Evaluation, adopted_at_s: float, settings: JudgeSettings) -> bool:
    """Whether ``when`` is met by ok readings, of windows that begin after the plan was adopted."""
    return when.evidence is Truth.MET and is_of_since(when, adopted_at_s, settings)


def is_of_since(seen: Evaluation, at_s: float, settings: JudgeSettings) -> bool:
    """Whether every window it looked at begins at ``at_s`` or later.

    A signal without a window tells of now. Drift may be older: its windows are long, and no plan
    changes what the world asks.
    """
    return all(
        look.reading.window_start_s >= at_s - TOLERANCE
        for look in seen.looks
        if look.reading is not None
        and look.leaf.quantity.signal not in settings.drift_signals
        and key_of(look.leaf.quantity, settings).window_s > 0.0
    )


def compares_arms(condition: Condition, settings: JudgeSettings) -> bool:
    """Whether every comparison in it sets an arm against another over the same time."""
    return all(
        leaf.quantity.signal in settings.concurrent_signals for leaf in comparisons(condition)
    )
