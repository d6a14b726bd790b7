"""Signals made of other signals' readings: anomalies and changes of any of them."""

from __future__ import annotations

from controller.monitors.follower import FollowerKind
from controller.monitors.following import anomaly, multivariate

FOLLOWERS: tuple[FollowerKind, ...] = (
    anomaly.FOLLOWER,
    multivariate.FOLLOWER,
)
