"""The broker is gone: no telemetry; serving drops and counts, monitors go stale."""

from __future__ import annotations

from simulator.live.faults.outage import Outage


class BrokerGone(Outage):
    name = "broker_gone"
    cause = "the broker's process is killed, or stopped for the stated time"
    right_actions = ()
    child = "broker"
