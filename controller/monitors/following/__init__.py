"""Signals made of other signals' readings: anomalies and changes of any of them."""

from __future__ import annotations

from controller.monitors.follower import FollowerKind

FOLLOWERS: tuple[FollowerKind, ...] = ()
