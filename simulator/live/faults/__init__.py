"""Real faults by name, one per file."""

from __future__ import annotations

from simulator.live.faults.broker_gone import BrokerGone
from simulator.live.faults.crashing_primary import CrashingPrimary
from simulator.live.faults.fault import Fault, Place
from simulator.live.faults.nothing import Nothing
from simulator.live.faults.redis_gone import RedisGone
from simulator.live.faults.shifted_features import ShiftedFeatures
from simulator.live.faults.slow_primary import SlowPrimary
from simulator.live.faults.stale_features import StaleFeatures

_ALL: tuple[type[Fault], ...] = (
    Nothing,
    SlowPrimary,
    CrashingPrimary,
    StaleFeatures,
    ShiftedFeatures,
    RedisGone,
    BrokerGone,
)
FAULTS: dict[str, type[Fault]] = {fault.name: fault for fault in _ALL}

__all__ = ["FAULTS", "Fault", "Place"]
