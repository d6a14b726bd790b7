"""What routers, replicas and the feature pipeline say of themselves each second.

Made for all whole seconds of a slab at once; a second of it is a slice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from controller.telemetry.rows import batch_from_rows
from controller.telemetry.schema import FEATURE, REPLICA
from simulator.visits import MICROSECONDS, Floats, Integers
from simulator.world.arrow_columns import Mask, batch, kind_of, labels, lists, structs, texts
from simulator.world.features import EVENT_AGE_US, FeatureClock
from simulator.world.handled import Handled, Result, Role
from simulator.world.replicas import Replicas
from simulator.world.served_rows import Names
from simulator.world.work import Work

KINDS = ("router", "arm")
ROUTER_MB, ARM_MB = 180.0, 320.0
"""What a process holds, whatever it does."""


@dataclass(frozen=True, slots=True)
class Load:
    """At the ends of seconds: (seconds, routers) and (seconds, arms) requests not done yet, and
    microseconds of work, of those that came within the second."""

    routers: Integers
    arms: Integers
    routers_us: Floats
    arms_us: Floats


def load_of(
    handled: Handled, work: Work, kept: Mask, first_second: int, seconds: int, routers: int
) -> Load:
    """Of the rows ``kept``, at the end of each of ``seconds`` seconds."""
    second = handled.at_us // MICROSECONDS - first_second
    end_us = (handled.at_us // MICROSECONDS + 1) * MICROSECONDS
    arms = len(handled.plan.arms)
    inside = kept & (second >= 0) & (second < seconds)
    waits = inside & (handled.role == Role.USER) & (handled.done_us > end_us)
    tried = (handled.result == Result.OK) | (handled.result == Result.LATE)
    tried |= handled.result == Result.ERROR
    works = inside & tried & (handled.drawn >= 0) & (handled.at_us + handled.elapsed_us > end_us)
    router = handled.visits.router[handled.visit]
    is_drawn = inside & (handled.drawn >= 0)
    of_router, of_arm = second * routers + router, second * arms + handled.drawn

    def counted(rows: Mask, places: Integers, size: int, weights: Floats | None = None) -> Any:
        mine = None if weights is None else weights[rows]
        return np.bincount(places[rows], mine, seconds * size).reshape(seconds, size)

    return Load(
        counted(waits, of_router, routers),
        counted(works, of_arm, arms),
        counted(inside, of_router, routers, work.router_us),
        counted(is_drawn, of_arm, arms, work.replica_us),
    )


def answer_ms_of(
    handled: Handled, kept: Mask, first_second: int, seconds: int, replicas: Mapping[str, Replicas]
) -> Floats:
    """(seconds, replicas that live), NaN where nothing ended: the mean time of the attempts that
    came within the second, of the rows ``kept``."""
    tried = (handled.result == Result.OK) | (handled.result == Result.LATE)
    tried |= handled.result == Result.ERROR
    second = handled.at_us // MICROSECONDS - first_second
    inside = kept & tried & (second >= 0) & (second < seconds)
    means = [np.empty((seconds, 0))]
    for place, arm in enumerate(handled.plan.arms):
        held = replicas.get(arm)
        if held is None or not held.alive:
            continue
        rows = np.flatnonzero(inside & (handled.drawn == place))
        u_replica = handled.visits.u_replica[handled.visit[rows]]
        number, reaches = held.met_by(u_replica, handled.at_us[rows])
        rows, places = rows[reaches], (number - held.dead)[reaches]
        places += second[rows] * held.alive
        count = np.bincount(places, minlength=seconds * held.alive)
        spent_us = np.bincount(places, handled.elapsed_us[rows], seconds * held.alive)
        mean_ms = np.where(count > 0, spent_us / np.maximum(count, 1) / 1_000.0, np.nan)
        means.append(mean_ms.reshape(seconds, held.alive))
    return np.hstack(means)


def replica_batch(
    handled: Handled,
    load: Load,
    answer_ms: Floats,
    first_second: int,
    replicas: Mapping[str, Replicas],
    last_resort: str,
    names: Names,
) -> pa.RecordBatch:
    """``replicas`` by arm behind a handle, in the plan's order. For every second one row for each
    router, then for each replica that lives."""
    seconds, routers = load.routers.shape
    arms = tuple(handled.plan.arms)
    live = {arm: held.alive for arm, held in replicas.items()}
    whose = [(arm, number) for arm, count in live.items() for number in range(count)]
    each = routers + len(whose)
    depths = np.empty((seconds, each), np.int64)
    depths[:, :routers] = load.routers
    cores = np.empty((seconds, each))
    cores[:, :routers] = load.routers_us / MICROSECONDS
    for column, (arm, number) in enumerate(whose, routers):
        place = arms.index(arm)
        depths[:, column] = -(-(load.arms[:, place] - number) // live[arm])
        cores[:, column] = load.arms_us[:, place] / (live[arm] * MICROSECONDS)
    depths = np.maximum(depths, 0).reshape(-1).astype(np.int32)
    plan, rows = handled.plan, seconds * each
    is_arm = np.tile(np.arange(each) >= routers, seconds)
    ids = [f"router-{r}" for r in range(routers)] + [f"arm-{a}-{i}" for a, i in whose]
    codes = np.array([-1] * routers + [arms.index(a) for a, _ in whose], np.int64)
    resort = arms.index(last_resort) if last_resort in arms else 0
    at_s = names.start_s + first_second + 1.0 + np.arange(seconds)
    columns = {
        "at_s": pa.array(np.repeat(at_s, each)),
        "replica_id": texts(np.tile(np.arange(each), seconds), ids),
        "kind": labels(is_arm, KINDS),
        "arm": labels(np.tile(codes, seconds), arms),
        "queue_depth": pa.array(depths),
        "in_flight": pa.array(depths),
        # A replica has one core; what it cannot do in its second it does in a later one.
        "cpu_share": pa.array(np.minimum(cores, 1.0).reshape(-1)),
        "memory_mb": pa.array(np.where(is_arm, ARM_MB, ROUTER_MB)),
        "model_version": texts(
            np.tile(np.where(codes < 0, resort, codes), seconds), handled.versions
        ),
        "plan_epoch": pa.array(np.full(rows, plan.epoch, np.int64), mask=is_arm),
        "plan_revision": pa.array(np.full(rows, plan.revision, np.int64), mask=is_arm),
        "plan_head": pa.array([None if arm else plan.head for arm in is_arm], pa.string()),
        "telemetry_dropped": pa.array(np.zeros(rows, np.int64)),
        "answer_ms": pa.array(
            np.hstack([np.full((seconds, routers), np.nan), answer_ms]).reshape(-1),
            from_pandas=True,
        ),
        "capacities": _capacities(is_arm, names.local_per_s),
    }
    return batch(REPLICA, columns, rows)


def _capacities(is_arm: Mask, local_per_s: Mapping[str, float]) -> pa.ListArray:
    """What every router says of each of its in-process arms; null for replicas."""
    kind, each = kind_of(REPLICA, "capacities"), len(local_per_s)
    routers = int(np.count_nonzero(~is_arm))
    elements = structs(
        kind,
        [
            texts(np.tile(np.arange(each), routers), tuple(local_per_s)),
            pa.array(np.tile(np.array([*local_per_s.values()], np.float64), routers)),
        ],
    )
    return lists(kind, np.where(is_arm, 0, each), elements, is_arm)


def feature_batch(
    clock: FeatureClock,
    frozen: frozenset[str],
    from_us: int,
    until_us: int,
    rows: Mapping[str, int],
    start_s: float,
) -> tuple[pa.RecordBatch, Integers]:
    """One row for each write of a group in [from_us, until_us), and when they were, ascending.
    ``rows``: how many a write of each group brings."""
    writes = sorted(
        (at_us, place)
        for place, group in enumerate(clock.groups)
        if group not in frozen
        for at_us in clock.writes_us(place, from_us, until_us)
    )
    told = [
        {
            "at_s": start_s + at_us / MICROSECONDS,
            "group": clock.groups[place],
            "event_at_s": start_s + (at_us - EVENT_AGE_US) / MICROSECONDS,
            "written_at_s": start_s + at_us / MICROSECONDS,
            "rows": rows[clock.groups[place]],
        }
        for at_us, place in writes
    ]
    return batch_from_rows(FEATURE, told), np.array([at_us for at_us, _ in writes], np.int64)
