"""The part of the service's settings the judge needs, as data it is handed in `Loaded`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from controller.core.approvers import Approvers
from controller.core.documents import decode, encode
from controller.core.limits import Limits


@dataclass(frozen=True, slots=True)
class ArmSettings:
    """What settings say of an arm; they seed the baseline once."""

    version: str
    share: float
    deadline_ms: float = 100.0
    in_process: bool = False
    capacity_per_s: float | None = None


@dataclass(frozen=True, slots=True)
class JudgeSettings:
    """Raise nothing; the settings file was validated before it got here."""

    service: str
    arms: Mapping[str, ArmSettings]
    fallback_arm: str = "fallback"
    control_share: float = 0.02
    probe_per_s: float = 5.0
    request_deadline_ms: float = 200.0
    cache_ttl_s: float = 30.0
    label_values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """For ``for_each``: label name to its values, e.g. ``feature_group``."""
    default_windows_s: Mapping[str, float] = field(default_factory=dict)
    """Signal name to its default window, so that an unwindowed condition finds its reading."""
    signal_maxima: Mapping[str, float] = field(default_factory=dict)
    """Signal name to the largest value it can show; sentences then say ``> max``."""
    concurrent_signals: tuple[str, ...] = ()
    """Signals that compare two arms over the same time."""
    drift_signals: tuple[str, ...] = ()
    """Signals of drift: of minutes, and the same wherever the traffic goes."""
    adoption_timeout_s: float = 10.0
    approval_expires_s: float = 3600.0
    oscillation_limit: int = 6
    """Route flips of one playbook per hour before it is frozen and a person paged."""
    tick_s: float = 1.0
    """Time between two ticks; simulations of hours take longer ones."""
    remind_after_s: float = 14_400.0
    """An incident open for so long is told to its owner, once."""
    limits: Limits = field(default_factory=Limits)
    approvers: Approvers = field(default_factory=Approvers)


def settings_to_document(settings: JudgeSettings) -> dict[str, Any]:
    """Plain JSON types; the inverse is ``settings_from_document``."""
    return {
        "service": settings.service,
        "arms": {
            name: {
                "version": arm.version,
                "share": arm.share,
                "deadline_ms": arm.deadline_ms,
                "in_process": arm.in_process,
                "capacity_per_s": arm.capacity_per_s,
            }
            for name, arm in settings.arms.items()
        },
        "fallback_arm": settings.fallback_arm,
        "control_share": settings.control_share,
        "probe_per_s": settings.probe_per_s,
        "request_deadline_ms": settings.request_deadline_ms,
        "cache_ttl_s": settings.cache_ttl_s,
        "label_values": {name: list(values) for name, values in settings.label_values.items()},
        "default_windows_s": dict(settings.default_windows_s),
        "signal_maxima": dict(settings.signal_maxima),
        "concurrent_signals": list(settings.concurrent_signals),
        "drift_signals": list(settings.drift_signals),
        "adoption_timeout_s": settings.adoption_timeout_s,
        "approval_expires_s": settings.approval_expires_s,
        "oscillation_limit": settings.oscillation_limit,
        "tick_s": settings.tick_s,
        "remind_after_s": settings.remind_after_s,
        "limits": encode(Limits, settings.limits),
        "approvers": encode(Approvers, settings.approvers),
    }


def settings_from_document(document: Mapping[str, Any]) -> JudgeSettings:
    """The inverse of ``settings_to_document``."""
    plain = dict(document)
    plain["arms"] = {name: ArmSettings(**arm) for name, arm in document["arms"].items()}
    plain["label_values"] = {n: tuple(v) for n, v in document["label_values"].items()}
    for kind in ("concurrent_signals", "drift_signals"):
        plain[kind] = tuple(document.get(kind, ()))
    if "limits" in document:
        plain["limits"] = decode(Limits, document["limits"])
    if "approvers" in document:
        plain["approvers"] = decode(Approvers, document["approvers"])
    return JudgeSettings(**plain)
