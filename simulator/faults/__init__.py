"""Faults of the virtual world, one a file; the table below is all it takes to have one more."""

from __future__ import annotations

from simulator.faults.bus_outage import BusOutage
from simulator.faults.cache_collapse import CacheCollapse
from simulator.faults.click_log_outage import ClickLogOutage
from simulator.faults.controller_crash import ControllerCrash
from simulator.faults.ctr_collapse import CtrCollapse
from simulator.faults.errors import Errors
from simulator.faults.fault import Fault
from simulator.faults.flash_crowd import FlashCrowd
from simulator.faults.flat_scores import FlatScores
from simulator.faults.heavy_answers import HeavyAnswers
from simulator.faults.holiday import Holiday
from simulator.faults.input_drift import InputDrift
from simulator.faults.input_shift import InputShiftFault
from simulator.faults.nothing import Nothing
from simulator.faults.null_features import NullFeatures
from simulator.faults.planned_deploy import PlannedDeploy
from simulator.faults.replica_crash import ReplicaCrash
from simulator.faults.slow_primary import SlowPrimary
from simulator.faults.slow_replica import SlowReplica
from simulator.faults.slow_tail import SlowTail
from simulator.faults.stale_features import StaleFeatures
from simulator.faults.store_outage import StoreOutage
from simulator.faults.telemetry_lag import TelemetryLag
from simulator.faults.telemetry_loss import TelemetryLoss
from simulator.faults.timeline import bursts_of, changes_us, conditions_at

FAULTS: dict[str, type[Fault]] = {
    fault.name: fault
    for fault in (
        SlowPrimary,
        SlowTail,
        SlowReplica,
        ReplicaCrash,
        HeavyAnswers,
        Errors,
        StaleFeatures,
        NullFeatures,
        InputShiftFault,
        InputDrift,
        CtrCollapse,
        FlatScores,
        CacheCollapse,
        ClickLogOutage,
        TelemetryLag,
        TelemetryLoss,
        StoreOutage,
        BusOutage,
        ControllerCrash,
        Nothing,
        FlashCrowd,
        Holiday,
        PlannedDeploy,
    )
}

__all__ = ["FAULTS", "Fault", "bursts_of", "changes_us", "conditions_at"]
