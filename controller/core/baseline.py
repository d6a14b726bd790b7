"""The baseline: seeded once from the settings, then changed by promotions, people and settings.

A later changed setting applies unless a promotion or a person owns the field.
"""

from __future__ import annotations

from dataclasses import replace

from controller.core.plan_fold import HOLDBACK
from controller.core.settings import ArmSettings, JudgeSettings
from controller.core.state import HISTORY_LIMIT, Baseline, BaselineArm, Promotion

SETTINGS = "settings"


def seed(settings: JudgeSettings) -> Baseline:
    """The first baseline of a service."""
    return Baseline(
        arms={name: _seed_arm(arm) for name, arm in settings.arms.items()},
        control_share=settings.control_share,
        control_arm=settings.fallback_arm,
        request_deadline_ms=settings.request_deadline_ms,
        cache_ttl_s=settings.cache_ttl_s,
    )


def reconcile(baseline: Baseline, settings: JudgeSettings) -> Baseline:
    """The baseline after settings that may have changed; equal to it when nothing applies."""
    arms = {}
    share_is_owned = any(arm.share_owner != SETTINGS for arm in baseline.arms.values())
    for name, wanted in settings.arms.items():
        arm = baseline.arms.get(name)
        if arm is None:
            fresh = _seed_arm(wanted)
            arms[name] = replace(fresh, share=0.0) if share_is_owned else fresh
            continue
        arms[name] = replace(
            arm,
            version=wanted.version if arm.version_owner == SETTINGS else arm.version,
            share=arm.share if share_is_owned else wanted.share,
            deadline_ms=wanted.deadline_ms,
        )
    if HOLDBACK in baseline.arms and HOLDBACK not in arms:
        arms[HOLDBACK] = baseline.arms[HOLDBACK]
    if abs(sum(arm.share for arm in arms.values()) - 1.0) > 1e-9:
        # An owned share left with its arm: what is missing goes to the last resort.
        missing = 1.0 - sum(arm.share for arm in arms.values())
        last = arms[settings.fallback_arm]
        arms[settings.fallback_arm] = replace(last, share=round(last.share + missing, 6))
    swapped = baseline.control_arm != settings.fallback_arm and baseline.control_arm in arms
    return replace(
        baseline,
        arms=arms,
        control_share=settings.control_share,
        control_arm=baseline.control_arm if swapped else settings.fallback_arm,
        request_deadline_ms=settings.request_deadline_ms,
        cache_ttl_s=settings.cache_ttl_s,
    )


def promote_refused(baseline: Baseline, version: str, arm: str) -> str:
    """Why ``version`` cannot be promoted into ``arm``; empty when it can."""
    if not version:
        return "no version is named"
    if arm not in baseline.arms or arm == HOLDBACK:
        known = ", ".join(name for name in baseline.arms if name != HOLDBACK)
        return f"{arm!r} is not an arm; the arms are {known}"
    if baseline.arms[arm].version == version:
        return f"{arm} already serves {version}"
    if version in baseline.barred:
        return f"{version} was reverted before and is barred from being tried again"
    return ""


def promote(baseline: Baseline, version: str, arm: str, who: str, at_s: float) -> Baseline:
    """``version`` into ``arm``; the old one stays as arm ``holdback``, without a share."""
    old = baseline.arms[arm]
    arms = dict(baseline.arms)
    arms[arm] = replace(old, version=version, version_owner=f"promotion by {who}")
    arms[HOLDBACK] = BaselineArm(old.version, 0.0, old.deadline_ms, None, old.version_owner)
    step = Promotion(at_s, arm, old.version, version, who)
    return replace(baseline, arms=arms, history=_remember(baseline, step))


def swap(baseline: Baseline, arm: str, who: str, at_s: float) -> Baseline:
    """``arm`` trades its baseline share with the arm that holds the most; control goes there."""
    held_by = max(baseline.arms, key=lambda name: (baseline.arms[name].share, name))
    one, other = baseline.arms[arm], baseline.arms[held_by]
    owner = f"promotion by {who}"
    arms = dict(baseline.arms)
    arms[arm] = replace(one, share=other.share, share_owner=owner)
    arms[held_by] = replace(other, share=one.share, share_owner=owner)
    step = Promotion(at_s, arm, one.version, one.version, who, swapped=held_by)
    control = held_by if baseline.control_arm == arm else baseline.control_arm
    return replace(baseline, arms=arms, control_arm=control, history=_remember(baseline, step))


def revert(baseline: Baseline, who: str) -> Baseline:
    """Undo the last promotion and bar its version. The history must not be empty."""
    last = baseline.history[-1]
    arms = dict(baseline.arms)
    owner = f"revert by {who}"
    control = baseline.control_arm
    barred = baseline.barred
    if last.swapped:
        one, other = arms[last.arm], arms[last.swapped]
        arms[last.arm] = replace(one, share=other.share, share_owner=owner)
        arms[last.swapped] = replace(other, share=one.share, share_owner=owner)
        control = last.arm if control == last.swapped else control
    else:
        arms[last.arm] = replace(arms[last.arm], version=last.old_version, version_owner=owner)
        arms.pop(HOLDBACK, None)
        barred = (*barred, last.new_version)[-HISTORY_LIMIT:]
    return replace(
        baseline, arms=arms, control_arm=control, barred=barred, history=baseline.history[:-1]
    )


def _seed_arm(arm: ArmSettings) -> BaselineArm:
    return BaselineArm(arm.version, arm.share, arm.deadline_ms)


def _remember(baseline: Baseline, step: Promotion) -> tuple[Promotion, ...]:
    return (*baseline.history, step)[-HISTORY_LIMIT:]
