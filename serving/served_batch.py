"""A batch of `served` telemetry, made column by column: serving pays for every row it writes.

Rows made as dicts first cost five times as much: hence a field is taken of all rows at once, a
list column is its flat values and their counts, and a text that all rows share is told once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from functools import lru_cache
from itertools import chain, count
from operator import attrgetter, methodcaller
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from controller.telemetry.arrow_columns import (
    NUMBERS,
    column_of,
    lists,
    numbers,
    over_and_over,
    texts,
)
from controller.telemetry.conform import SEGMENT_TYPE, segment_fields
from controller.telemetry.schema import SCHEMAS, SEGMENT_PREFIX, SERVED
from serving.arm_call import ArmAnswer
from serving.served_row import Attempt, ServedRow

CODE_VERSION = "0.1.0"
FEATURE_SET_VERSION = "1"
Columns = dict[str, pa.Array]
Floats = NDArray[np.float64]
_KIND: Mapping[str, pa.DataType] = {field.name: field.type for field in SCHEMAS[SERVED]}
_ELEMENT = {name: kind.value_type for name, kind in _KIND.items() if pa.types.is_list(kind)}
_LABEL = _KIND["role"]


class _Attributes:
    """Some attributes of all things, taken in one call: as columns, and ``others`` as lists."""

    def __init__(self, *others: str, **columns: str) -> None:
        self._get = attrgetter(*columns.values(), *others)
        self._columns = [
            (name, _KIND[name], numbers if _KIND[name] in NUMBERS else column_of)
            for name in columns
        ]

    def of(self, things: Sequence[Any]) -> tuple[Columns, list[list[Any]]]:
        taken = list(map(list, zip(*map(self._get, things), strict=True)))
        columns = {
            name: make(values, kind)
            for (name, kind, make), values in zip(self._columns, taken, strict=False)
        }
        return columns, taken[len(columns) :]


_OF_ASKED = _Attributes(
    "at_s",
    "segments",
    request_id="request_id",
    at_s="at_s",
    session_id="session_hash",
    bot="bot",
    product_feature_id="product_feature_id",
    user_id="user_hash",
)
_OF_SERVED = _Attributes(
    "latency_ms",
    "propensities",
    "attempts",
    "answer",
    role="role",
    unit_id="unit",
    evaluation_id="evaluation_id",
    arm="arm",
    served_by="served_by",
    outcome="outcome",
    latency_ms="latency_ms",
    queue_depth="queue_depth",
    cache="cache",
)
_OF_PLAN = _Attributes(plan_epoch="epoch", plan_revision="revision")
_OF_ANSWER = _Attributes(
    "scores",
    "item_ids",
    "ages_s",
    "defaulted",
    "not_found",
    "inputs",
    "contributions",
    cpu_ms="cpu_ms",
    memory_mb_s="memory_mb_s",
    slate_diversity="diversity",
)
_OF_ATTEMPT = attrgetter("arm", "version", "elapsed_ms", "result", "reason")
_VALUES = methodcaller("values")
_NOTHING: Mapping[str, float] = {}


def served_batch(rows: Sequence[ServedRow]) -> pa.RecordBatch:
    """At least one row; their segments are columns ``segment.NAME``."""
    asked, served, plans = zip(*rows, strict=True)
    columns, (asked_at_s, segments) = _OF_ASKED.of(asked)
    more, (took_ms, propensities, attempts, answers) = _OF_SERVED.of(served)
    columns |= more | _OF_PLAN.of(plans)[0]
    done_at_s = [at_s + ms / 1000.0 for at_s, ms in zip(asked_at_s, took_ms, strict=True)]
    columns |= {
        "done_at_s": numbers(done_at_s, _KIND["done_at_s"]),
        "code_version": column_of([CODE_VERSION] * len(rows), _LABEL),
        "feature_set_version": column_of([FEATURE_SET_VERSION] * len(rows), _LABEL),
        "propensities": _pairs("propensities", propensities),
        "attempts": _attempts(attempts),
    }
    names = tuple(sorted(set().union(*segments)))
    for name in names:
        values = [each.get(name) for each in segments]
        columns[SEGMENT_PREFIX + name] = column_of(values, SEGMENT_TYPE)
    columns |= _of_answers(answers)
    schema, order = _schema(names)
    arrays = [columns[name] if name in columns else _nulls(name, len(rows)) for name in order]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


@lru_cache(maxsize=32)
def _schema(segments: tuple[str, ...]) -> tuple[pa.Schema, list[str]]:
    fields = segment_fields([SEGMENT_PREFIX + name for name in segments])
    schema = pa.schema([*SCHEMAS[SERVED], *fields])
    return schema, schema.names


def _nulls(name: str, count: int) -> pa.Array:
    return pa.nulls(count, _KIND[name])


def _attempts(attempts: Sequence[Sequence[Attempt]]) -> pa.Array:
    flat = list(chain.from_iterable(attempts))
    taken = zip(*map(_OF_ATTEMPT, flat), strict=True) if flat else [()] * 5
    arm, version, elapsed_ms, result, reason = map(list, taken)
    columns = [texts(arm, 1), texts(version, 1), numbers(elapsed_ms, pa.float32())]
    columns += [texts(result, 1), texts(reason, 1)]
    return _structs("attempts", attempts, columns)


def _of_answers(answers: Sequence[ArmAnswer | None]) -> Columns:
    """Columns of all rows; those without an answer are null."""
    there = [answer for answer in answers if answer is not None]
    if not there:
        return {}
    columns, others = _OF_ANSWER.of(there)
    scores, item_ids, ages_s, defaulted, not_found, inputs, contributions = others
    columns |= {
        "feature_ages": _pairs("feature_ages", ages_s),
        "defaulted": _texts("defaulted", defaulted),
        "not_found": _texts("not_found", not_found),
        "slate": _slates(item_ids),
        "inputs": _pairs_or_null("inputs", inputs),
        "contributions": _pairs_or_null(
            "contributions",
            [told if of else _NOTHING for told, of in zip(contributions, inputs, strict=True)],
        ),
    }
    unscored = np.array([not each for each in scores])
    for name, values in zip(("top_score", "margin", "entropy"), slate_shapes(scores), strict=True):
        columns[name] = pa.array(values.astype(np.float32), mask=unscored)
    if len(there) == len(answers):
        return columns
    places = count()
    rows = pa.array([None if answer is None else next(places) for answer in answers], pa.int32())
    return {name: column.take(rows) for name, column in columns.items()}


def _slates(slates: Sequence[Sequence[str]]) -> pa.Array:
    ids = pa.array(list(chain.from_iterable(slates)), pa.string())
    positions = over_and_over(tuple(range(len(slates[0]))), pa.int16(), len(ids))
    if positions is None or len(set(map(len, slates))) > 1:
        positions = numbers(list(chain.from_iterable(map(range, map(len, slates)))), pa.int16())
    ones = pa.array(np.ones(len(ids), np.float32))
    return _structs("slate", slates, [ids, positions, ones, pa.nulls(len(ids), pa.string())])


def _texts(name: str, rows: Sequence[Sequence[str]]) -> pa.Array:
    return lists(_KIND[name], rows, texts(list(chain.from_iterable(rows)), 1))


def _pairs(name: str, pairs: Sequence[Mapping[str, float]]) -> pa.Array:
    """Lists of a name and its value; most rows tell of the same names."""
    names = list(chain.from_iterable(pairs))
    values = list(chain.from_iterable(map(_VALUES, pairs)))
    period = next(filter(None, map(len, pairs)), 0)
    return _structs(name, pairs, [texts(names, period), numbers(values, pa.float64())])


def _pairs_or_null(name: str, pairs: Sequence[Mapping[str, float]]) -> pa.Array:
    """As `_pairs`, but null where there is none."""
    if not any(pairs):
        return _nulls(name, len(pairs))
    column = _pairs(name, pairs)
    there = np.packbits(list(map(bool, pairs)), bitorder="little")
    parts = [pa.py_buffer(there), column.buffers()[1]]
    return pa.Array.from_buffers(column.type, len(pairs), parts, children=[column.values])


def _structs(name: str, rows: Sequence[Sized], columns: Sequence[pa.Array]) -> pa.Array:
    kind = _KIND[name]
    return lists(kind, rows, pa.StructArray.from_arrays(columns, type=_ELEMENT[name]))


def slate_shapes(slates: Sequence[Sequence[float]]) -> tuple[Floats, Floats, Floats]:
    """By slate: top score, its lead over the next, entropy in nats of the scores' softmax.

    The lead is 0 for one score, all three are 0 for none.
    """
    counts = np.array(list(map(len, slates)), np.int64)
    shapes = np.zeros((3, len(slates)))
    some = counts > 0
    scores = np.fromiter(chain.from_iterable(slates), np.float64)
    if not len(scores):
        return shapes[0], shapes[1], shapes[2]
    starts = (np.cumsum(counts) - counts)[some]
    above = scores - np.repeat(np.maximum.reduceat(scores, starts), counts[some])
    weights = np.exp(above)
    totals = np.add.reduceat(weights, starts)
    top = scores[starts]
    following = scores[np.minimum(starts + 1, len(scores) - 1)]
    shapes[0, some] = top
    shapes[1, some] = np.where(counts[some] > 1, top - following, 0.0)
    shapes[2, some] = np.log(totals) - np.add.reduceat(weights * above, starts) / totals
    return shapes[0], shapes[1], shapes[2]
