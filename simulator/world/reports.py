"""What routers, replicas and the feature pipeline say of themselves each second.

Made for all whole seconds of a slab at once; a second of it is a slice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from controller.telemetry.rows import batch_from_rows
from controller.telemetry.schema import FEATURE, REPLICA
from simulator.visits import MICROSECONDS, Integers
from simulator.world.arrow_columns import Mask, batch, labels, texts
from simulator.world.features import EVENT_AGE_US, FeatureClock
from simulator.world.handled import Handled, Result, Role
from simulator.world.served_rows import Names

KINDS = ("router", "arm")


@dataclass(frozen=True, slots=True)
class InFlight:
    """At the ends of seconds: (seconds, routers) and (seconds, arms) requests not done yet, of
    those that came within the second."""

    routers: Integers
    arms: Integers


def in_flight(
    handled: Handled, kept: Mask, first_second: int, seconds: int, routers: int
) -> InFlight:
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
    by_router = np.bincount(second[waits] * routers + router[waits], minlength=seconds * routers)
    by_arm = np.bincount(second[works] * arms + handled.drawn[works], minlength=seconds * arms)
    return InFlight(by_router.reshape(seconds, routers), by_arm.reshape(seconds, arms))


def replica_batch(
    handled: Handled,
    counts: InFlight,
    first_second: int,
    live: Mapping[str, int],
    last_resort: str,
    names: Names,
) -> pa.RecordBatch:
    """``live``: replicas that live, by arm behind a handle. For every second one row for each
    router, then for each replica."""
    seconds, routers = counts.routers.shape
    arms = tuple(handled.plan.arms)
    whose = [(arm, number) for arm, count in live.items() for number in range(count)]
    each = routers + len(whose)
    depths = np.empty((seconds, each), np.int64)
    depths[:, :routers] = counts.routers
    for column, (arm, number) in enumerate(whose, routers):
        depths[:, column] = -(-(counts.arms[:, arms.index(arm)] - number) // live[arm])
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
        "model_version": texts(
            np.tile(np.where(codes < 0, resort, codes), seconds), handled.versions
        ),
        "plan_epoch": pa.array(np.full(rows, plan.epoch, np.int64), mask=is_arm),
        "plan_revision": pa.array(np.full(rows, plan.revision, np.int64), mask=is_arm),
        "plan_head": pa.array([None if arm else plan.head for arm in is_arm], pa.string()),
        "telemetry_dropped": pa.array(np.zeros(rows, np.int64)),
    }
    return batch(REPLICA, columns, rows)


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
