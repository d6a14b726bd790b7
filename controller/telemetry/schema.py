"""Topics and columns. Readers select columns by name: missing is null, unknown is ignored.

Times are seconds since 1970 (float64). ``request_id`` is 16 bytes whose first two are the
partition number, big-endian. Segment columns are named ``segment.NAME``.
"""

from __future__ import annotations

import pyarrow as pa

SCHEMA_VERSION = 1
"""Version N reads N-1 and N+1; a golden file per release proves it."""

SERVED = "selfright.served"
OUTCOME = "selfright.outcome"
REPLICA = "selfright.replica"
FEATURE = "selfright.feature"
MODEL = "selfright.model"
WORK = "selfright.work"
OPERATOR = "selfright.operator"
CHANGE = "selfright.change"
TALLY_TOPICS = (SERVED, OUTCOME, REPLICA, FEATURE, MODEL)
TOPICS = (*TALLY_TOPICS, WORK, OPERATOR, CHANGE)
WORKER_TOPICS = (SERVED, OUTCOME)
"""What tally workers count in the controller's place, where there are any."""
TALLY = "selfright.tally"
"""What workers counted (see `tally_log`): no rows, hence none of ``TOPICS``."""
DEAD_LETTER_SUFFIX = ".dead"

SEGMENT_PREFIX = "segment."
SKIPPED_BY_BREAKER = "breaker_open"
"""``attempts.reason`` of an attempt skipped while the breaker is open and its latest probe failed
(or none was judged yet): it counts as bad. Skipped for any other reason does not count."""

_label = pa.dictionary(pa.int32(), pa.string())
_chances = pa.list_(pa.struct([("arm", pa.string()), ("chance", pa.float64())]))

_SERVED = pa.schema(
    [
        ("request_id", pa.binary(16)),
        ("at_s", pa.float64()),
        ("done_at_s", pa.float64()),
        ("role", _label),
        ("unit_id", pa.uint64()),
        ("session_id", pa.uint64()),
        ("bot", pa.bool_()),
        ("evaluation_id", _label),
        ("arm", _label),
        ("propensities", _chances),
        ("plan_epoch", pa.int64()),
        ("plan_revision", pa.int64()),
        (
            "attempts",
            pa.list_(
                pa.struct(
                    [
                        ("arm", pa.string()),
                        ("model_version", pa.string()),
                        ("elapsed_ms", pa.float32()),
                        ("result", pa.string()),
                        ("reason", pa.string()),
                    ]
                )
            ),
        ),
        ("served_by", _label),
        ("outcome", _label),
        ("latency_ms", pa.float32()),
        ("queue_depth", pa.int32()),
        ("cache", _label),
        ("feature_ages", pa.list_(pa.struct([("group", pa.string()), ("age_s", pa.float64())]))),
        ("defaulted", pa.list_(pa.string())),
        ("top_score", pa.float32()),
        ("margin", pa.float32()),
        ("entropy", pa.float32()),
        (
            "slate",
            pa.list_(
                pa.struct(
                    [
                        ("item_id", pa.string()),
                        ("position", pa.int16()),
                        ("propensity", pa.float32()),
                        ("team", pa.string()),
                    ]
                )
            ),
        ),
        ("product_feature_id", _label),
        ("cpu_ms", pa.float32()),
        ("gpu_ms", pa.float32()),
        ("memory_mb_s", pa.float32()),
        ("code_version", _label),
        ("feature_set_version", _label),
        ("inputs", pa.list_(pa.struct([("feature", pa.string()), ("value", pa.float64())]))),
        ("user_id", pa.uint64()),
        ("not_found", pa.list_(pa.string())),
        ("contributions", pa.list_(pa.struct([("feature", pa.string()), ("value", pa.float64())]))),
        ("slate_diversity", pa.float32()),
    ]
)
"""``unit_id``, ``session_id`` and ``user_id`` are keyed hashes; raw ids never leave the process.
``attempts.result`` is ok, late, error, cancelled or skipped; ``outcome`` is ok, late, error, shed
or invalid; ``cache`` is hit, miss or bypass; ``role`` is user, probe or shadow. ``inputs`` is the
model's input row on a sampled share, else null; ``contributions`` (of the same sampled rows) is
what each input added to the score of the first item. ``not_found`` names the feature groups that
were read well but hold nothing of this user or item. ``slate_diversity`` is the mean over pairs of
the slate of 1 minus their cosine, 0 to 2, null where the recommender has no vectors."""

_OUTCOME = pa.schema(
    [
        ("request_id", pa.binary(16)),
        ("event_id", pa.binary(16)),
        ("kind", _label),
        ("value", pa.float64()),
        ("clicked_positions", pa.list_(pa.int16())),
        ("viewed_positions", pa.list_(pa.int16())),
        ("at_s", pa.float64()),
        ("received_at_s", pa.float64()),
        ("served_at_s", pa.float64()),
        ("arm", _label),
        ("evaluation_id", _label),
        ("propensities", _chances),
        ("top_score", pa.float32()),
    ]
)
"""``served_at_s``, ``arm``, ``evaluation_id``, ``propensities``, ``top_score`` and ``segment.*``
come from the signed token."""

_REPLICA = pa.schema(
    [
        ("at_s", pa.float64()),
        ("replica_id", pa.string()),
        ("kind", _label),
        ("arm", _label),
        ("pid", pa.int64()),
        ("queue_depth", pa.int32()),
        ("in_flight", pa.int32()),
        ("oldest_queued_s", pa.float64()),
        ("cpu_share", pa.float64()),
        ("gpu_share", pa.float64()),
        ("memory_mb", pa.float64()),
        ("model_version", pa.string()),
        ("plan_epoch", pa.int64()),
        ("plan_revision", pa.int64()),
        ("plan_head", pa.string()),
        ("telemetry_dropped", pa.int64()),
        ("capacities", pa.list_(pa.struct([("arm", pa.string()), ("per_s", pa.float64())]))),
        ("answer_ms", pa.float64()),
    ]
)
"""``kind`` is ``router`` or ``arm``; plan columns are null for arms. One row a second each.
``capacities`` are the answers a second that a router's core could give by its in-process arms, by
measurement; null for arms, and in rows of a release that measured nothing.
``answer_ms`` is the mean time an arm's replica spent on the attempts that ended since its last row;
null where none did."""

_FEATURE = pa.schema(
    [
        ("at_s", pa.float64()),
        ("group", _label),
        ("event_at_s", pa.float64()),
        ("written_at_s", pa.float64()),
        ("rows", pa.int64()),
    ]
)

_MODEL = pa.schema(
    [
        ("at_s", pa.float64()),
        ("version", pa.string()),
        ("arm", pa.string()),
        ("parent", pa.string()),
        ("work_id", pa.string()),
        ("status", _label),
        ("uri", pa.string()),
        ("sha256", pa.string()),
        ("gate_metrics", pa.string()),
        (
            "reference",
            pa.list_(
                pa.struct(
                    [
                        ("feature", pa.string()),
                        ("edges", pa.list_(pa.float64())),
                        ("counts", pa.list_(pa.int64())),
                        ("null_count", pa.int64()),
                        ("covariance", pa.list_(pa.float64())),
                        ("categories", pa.list_(pa.float64())),
                        ("mean_contribution", pa.float64()),
                    ]
                )
            ),
        ),
    ]
)
"""``status`` is ``candidate`` or ``serving``; ``gate_metrics`` is a JSON object. Reference bins:
``counts[i]`` covers (edges[i-1], edges[i]], so there is one count more than edges. ``covariance``
is the long-run covariance per row of the indicators of those bins and null, row by row, as the
training rows' own order shows it; ``categories`` are the values of an input that is a code.
Repeated every 30 s by whoever
serves the model, so that a monitor that starts late learns its reference."""

_WORK = pa.schema(
    [
        ("at_s", pa.float64()),
        ("work_id", pa.string()),
        ("kind", _label),
        ("status", _label),
        ("detail", pa.string()),
        ("version", pa.string()),
        ("worker_id", pa.string()),
    ]
)
"""``status`` is taken, running, done, failed or refused; the last is repeated every 5 s."""

_OPERATOR = pa.schema(
    [
        ("at_s", pa.float64()),
        ("command_id", pa.string()),
        ("who", pa.string()),
        ("verb", _label),
        ("target", pa.string()),
        ("expires_at_s", pa.float64()),
    ]
)

_CHANGE = pa.schema(
    [("at_s", pa.float64()), ("kind", _label), ("what", pa.string()), ("who", pa.string())]
)

SCHEMAS: dict[str, pa.Schema] = {
    SERVED: _SERVED,
    OUTCOME: _OUTCOME,
    REPLICA: _REPLICA,
    FEATURE: _FEATURE,
    MODEL: _MODEL,
    WORK: _WORK,
    OPERATOR: _OPERATOR,
    CHANGE: _CHANGE,
}


def is_list_of_structs(kind: pa.DataType) -> bool:
    """Whether a column's elements are structs, of which none may be null."""
    return bool(pa.types.is_list(kind) and pa.types.is_struct(kind.value_type))


HEADER_VERSION = "version"
HEADER_ENCODING = "encoding"
HEADER_PRODUCER_ID = "producer_id"
HEADER_PRODUCER_SEQ = "producer_seq"
HEADER_SERVICE = "service"
HEADER_REGION = "region"
"""``encoding`` is ``arrow`` (an IPC stream) or ``jsonl``. ``producer_seq`` counts up from 0 per
(producer_id, topic, partition), so duplicates are dropped and gaps counted."""
