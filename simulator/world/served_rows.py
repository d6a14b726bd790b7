"""Rows of `served` telemetry from Handled columns, as `serving.served_row` fills them.

All rows of a slab become one batch; a second of it is a slice. What the virtual service does not
have (memory by request, item vectors, sessions) is null.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from controller.core.plan import Plan
from controller.telemetry.schema import SEGMENT_PREFIX, SERVED
from serving.routing import verdict
from simulator.visits import MICROSECONDS, Floats, Integers
from simulator.world.arrow_columns import (
    Codes,
    Mask,
    batch,
    ids,
    kind_of,
    labels,
    lists,
    numbers,
    same_label,
    structs,
    texts,
)
from simulator.world.handled import Handled, Reason, Result, Role
from simulator.world.work import Work

CODE_VERSION = "0.1.0"
FEATURE_SET_VERSION = "1"
_ROLES = ("user", "probe")
_RESULTS = ("ok", "late", "error", "skipped")
_REASONS = {
    Reason.NOTHING: "",
    Reason.DEADLINE: "deadline",
    Reason.CACHE_HIT: verdict.CACHE_HIT,
    Reason.BREAKER_OPEN: verdict.BREAKER_OPEN,
    Reason.BREAKER_PROBE_OK: verdict.BREAKER_PROBE_OK,
    Reason.NO_TIME: verdict.NO_TIME,
    Reason.FAILED: "ReplicaFailed",
}
_OUTCOMES = ("ok", "late", "error", "shed")
_CACHES = ("hit", "miss", "bypass")


@dataclass(frozen=True)
class Names:
    """What codes and rows stand for, for the whole run. ``segments``: name to values; its codes by
    user row. ``input_features``: names of the model's inputs. ``local_per_s``: answers a second
    that a router can give by its in-process arms."""

    start_s: float
    last_resort: str
    item_ids: pa.StringArray
    user_hashes: NDArray[np.uint64]
    segments: Mapping[str, tuple[tuple[str, ...], Integers]]
    feature_groups: tuple[str, ...]
    input_features: tuple[str, ...]
    local_per_s: Mapping[str, float]

    def seconds(self, at_us: Integers) -> Floats:
        """Since 1970."""
        return np.asarray(self.start_s + at_us / MICROSECONDS)


@dataclass(frozen=True, slots=True)
class Shown:
    """What was answered: (m, k) item rows, which rows have an answer, their (m, 3) top scores,
    margins and entropies, and the input rows of the ``sampled`` ones, in their order."""

    slates: Integers
    answered: Mask
    scores: Floats
    sampled: Mask
    inputs: Floats


def served_batch(handled: Handled, shown: Shown, work: Work, names: Names) -> pa.RecordBatch:
    """One row per row of ``handled``, in its order."""
    count, arms = len(handled), tuple(handled.plan.arms)
    at_s, done_at_s = names.seconds(handled.at_us), names.seconds(handled.done_us)
    users = handled.visits.user[handled.visit]
    hashes = names.user_hashes[users]
    columns = {
        "request_id": ids(handled.request_id),
        "at_s": pa.array(at_s),
        "done_at_s": pa.array(done_at_s),
        "role": labels(handled.role, _ROLES),
        "unit_id": pa.array(_units(handled, hashes)),
        "bot": pa.array(np.zeros(count, np.bool_)),
        "evaluation_id": labels(handled.stamped, ("", _evaluation_id(handled.plan))),
        "arm": labels(handled.drawn, arms),
        "propensities": chances_lists(SERVED, handled.chances, handled.chances_id),
        "plan_epoch": pa.array(np.full(count, handled.plan.epoch, np.int64)),
        "plan_revision": pa.array(np.full(count, handled.plan.revision, np.int64)),
        "attempts": _attempts(handled, arms, names),
        "served_by": labels(handled.served_by, arms),
        "outcome": labels(handled.outcome, _OUTCOMES),
        "latency_ms": pa.array((handled.latency_us / 1000.0).astype(np.float32)),
        "queue_depth": pa.array(handled.queue_depth.astype(np.int32)),
        "cache": labels(handled.cache, _CACHES),
        "feature_ages": _ages(handled, shown, names),
        "defaulted": _defaulted(handled, shown, names),
        "top_score": numbers(shown.scores[:, 0], shown.answered),
        "margin": numbers(shown.scores[:, 1], shown.answered),
        "entropy": numbers(shown.scores[:, 2], shown.answered),
        "slate": _slate(shown, names),
        "cpu_ms": numbers(work.answer_us / 1000.0, shown.answered),
        "code_version": same_label(count, CODE_VERSION),
        "feature_set_version": same_label(count, FEATURE_SET_VERSION),
        "inputs": _inputs(shown, names),
        "user_id": pa.array(hashes),
        "not_found": _none_of(shown),
    }
    return batch(SERVED, columns | segment_columns(users, names), count)


def segment_columns(users: Integers, names: Names) -> dict[str, pa.Array]:
    """Of rows of these users."""
    return {
        SEGMENT_PREFIX + name: labels(codes[users], values)
        for name, (values, codes) in names.segments.items()
    }


def chances_lists(
    topic: str, distinct: Sequence[Mapping[str, float]], which: Integers
) -> pa.ListArray:
    """The propensities column; a row that was never drawn (-1) has none."""
    kinds = [[{"arm": a, "chance": c} for a, c in chances.items()] for chances in distinct]
    every = pa.array([*kinds, []], kind_of(topic, "propensities"))
    return every.take(pa.array(np.where(which < 0, len(kinds), which)))


def _evaluation_id(plan: Plan) -> str:
    return plan.evaluation.id if plan.evaluation else ""


def _units(handled: Handled, hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """What was drawn for: the request, unless the plan says the user (who has no session here)."""
    plan = handled.plan
    kind = plan.evaluation.unit if plan.evaluation else plan.unit
    requests = handled.request_id[:, 1]
    if kind == "request":
        return requests
    drawn = (handled.role == Role.USER) & (handled.drawn >= 0)
    return np.where(drawn, hashes, requests)


def _attempts(handled: Handled, arms: tuple[str, ...], names: Names) -> pa.ListArray:
    first, second = handled.result != Result.NONE, handled.second_us >= 0
    kind = kind_of(SERVED, "attempts")
    resort = arms.index(names.last_resort) if second.any() else 0

    def both(firsts: Codes, seconds: Codes | int) -> Codes:
        pair = np.stack([firsts, np.broadcast_to(seconds, firsts.shape)], axis=1)
        return np.asarray(pair[np.stack([first, second], axis=1)])

    arm = both(handled.drawn, resort)
    elapsed_us = both(handled.elapsed_us, handled.second_us)
    elements = structs(
        kind,
        [
            texts(arm, arms),
            texts(arm, handled.versions),
            pa.array((elapsed_us / 1000.0).astype(np.float32)),
            texts(both(handled.result, int(Result.OK)), _RESULTS),
            texts(both(handled.reason, int(Reason.NOTHING)), [_REASONS[r] for r in Reason]),
        ],
    )
    return lists(kind, first.astype(np.int32) + second, elements)


def _ages(handled: Handled, shown: Shown, names: Names) -> pa.ListArray:
    kind = kind_of(SERVED, "feature_ages")
    told = (handled.age_us >= 0) & shown.answered[:, None]
    groups = np.broadcast_to(np.arange(told.shape[1]), told.shape)[told]
    elements = structs(
        kind,
        [
            texts(groups, names.feature_groups),
            pa.array(handled.age_us[told] / MICROSECONDS),
        ],
    )
    return lists(kind, told.sum(axis=1), elements, ~shown.answered)


def _defaulted(handled: Handled, shown: Shown, names: Names) -> pa.ListArray:
    told = handled.defaulted & shown.answered[:, None]
    groups = np.broadcast_to(np.arange(told.shape[1]), told.shape)[told]
    elements = texts(groups, names.feature_groups)
    return lists(kind_of(SERVED, "defaulted"), told.sum(axis=1), elements, ~shown.answered)


def _none_of(shown: Shown) -> pa.ListArray:
    """No group: whoever comes here has been here before."""
    nothing = np.zeros(len(shown.answered), np.int32)
    kind = kind_of(SERVED, "not_found")
    return lists(kind, nothing, pa.nulls(0, pa.string()), ~shown.answered)


def _slate(shown: Shown, names: Names) -> pa.ListArray:
    kind = kind_of(SERVED, "slate")
    rows, size = int(shown.answered.sum()), shown.slates.shape[1]
    items = shown.slates[shown.answered].reshape(-1)
    elements = structs(
        kind,
        [
            names.item_ids.take(pa.array(items)),
            pa.array(np.tile(np.arange(size, dtype=np.int16), rows)),
            pa.array(np.ones(rows * size, np.float32)),
            pa.nulls(rows * size, pa.string()),
        ],
    )
    return lists(kind, shown.answered * size, elements, ~shown.answered)


def _inputs(shown: Shown, names: Names) -> pa.ListArray:
    kind = kind_of(SERVED, "inputs")
    rows, size = shown.inputs.shape
    elements = structs(
        kind,
        [
            texts(np.tile(np.arange(size), rows), names.input_features),
            pa.array(shown.inputs.reshape(-1)),
        ],
    )
    return lists(kind, shown.sampled * size, elements, ~shown.sampled)
