"""Signals made of other signals' readings: anomalies and changes of any of them, retrain hints."""

from __future__ import annotations

from controller.monitors.follower import FollowerKind
from controller.monitors.following import anomaly, change, multivariate, retrain_hints

FOLLOWERS: tuple[FollowerKind, ...] = (
    anomaly.FOLLOWER,
    multivariate.FOLLOWER,
    change.FOLLOWER,
    *retrain_hints.FOLLOWERS,
)
