"""Any table as the columns of a topic: a missing one is null, an unknown one is left out.

Only ``segment.*`` columns are kept beside ours, since settings name them, not the schema.
"""

from __future__ import annotations

import pyarrow as pa

from controller.telemetry.schema import SCHEMAS, SEGMENT_PREFIX, is_list_of_structs

NULL_STRUCT = "null where a struct belongs"
SEGMENT_TYPE = pa.dictionary(pa.int32(), pa.string())
_LAST_CONFORM: dict[str, pa.Schema] = {}
"""By topic: all messages of a service are alike, and to compare costs less than to make."""
_OF_STRUCTS: dict[str, tuple[tuple[int, str], ...]] = {
    topic: tuple((n, f.name) for n, f in enumerate(schema) if is_list_of_structs(f.type))
    for topic, schema in SCHEMAS.items()
}
"""Place and name of each topic's columns of lists of structs."""
MOST_SEGMENTS = 64
"""Segment columns of one batch; settings never name as many."""


class NotConform(Exception):
    """What makes a message unreadable, and the line of it (from 1) where it has lines."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line


def conform_batch(topic: str, table: pa.Table) -> pa.RecordBatch:
    """Cast to the topic's schema.

    Raise NotConform when a column cannot be cast, or a list holds null for a struct.
    """
    fields = list(SCHEMAS[topic])
    fields += segment_fields(table.schema.names)
    arrays = [_column(table, field) for field in fields]
    batch = pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))
    refuse_null_structs(topic, batch)
    return batch


def refuse_null_structs(topic: str, batch: pa.RecordBatch) -> None:
    """Raise NotConform where a list of a conform batch holds null in place of a struct.

    It says nothing of anybody, and is no struct whose fields are null.
    """
    for place, name in _OF_STRUCTS[topic]:
        column = batch.column(place)
        # What no row's list reaches may be null: it is nobody's.
        if column.values.null_count and (told := column.flatten()).null_count:
            element = told.is_null().index(True).as_py()
            row = column.value_parent_indices()[element].as_py()
            raise NotConform(f"{name} holds {NULL_STRUCT} (row {row + 1})")


def is_conform(topic: str, schema: pa.Schema) -> bool:
    """Whether `conform_batch` would leave a batch of this schema as it is."""
    if topic not in SCHEMAS:
        return False
    known = _LAST_CONFORM.get(topic)
    if known is not None and schema.equals(known):
        return True
    expected = [*SCHEMAS[topic], *segment_fields(schema.names)]
    if not schema.equals(pa.schema(expected)):
        return False
    _LAST_CONFORM[topic] = schema
    return True


def segment_fields(names: list[str]) -> list[pa.Field]:
    """Fields of the segment columns among ``names``, in the order of their names."""
    found = sorted({name for name in names if name.startswith(SEGMENT_PREFIX)})
    if len(found) > MOST_SEGMENTS:
        raise NotConform(f"{len(found)} segment columns are more than {MOST_SEGMENTS}")
    return [pa.field(name, SEGMENT_TYPE) for name in found]


def _column(table: pa.Table, field: pa.Field) -> pa.Array:
    places = table.schema.get_all_field_indices(field.name)
    if len(places) > 1:
        raise NotConform(f"column {field.name} is there {len(places)} times")
    if not places:
        return pa.nulls(table.num_rows, field.type)
    chunked = table.column(places[0])
    try:
        column = chunked.cast(field.type) if chunked.type != field.type else chunked
        return column.unify_dictionaries().combine_chunks()
    except pa.ArrowException as error:
        said = str(error).splitlines()[0][:200]
        raise NotConform(f"column {field.name} is not {field.type}: {said}") from error
