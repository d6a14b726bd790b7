"""The folder of interactions: every row once, whatever happened to the files."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from models.interactions import read_interactions, write_rows


def test_rows_come_back_oldest_first_and_once(table: pa.Table, tmp_path: Path) -> None:
    write_rows(tmp_path, "history-b.parquet", table.slice(0, 900))
    write_rows(tmp_path, "history-a.parquet", table.slice(500, 1_000))
    read = read_interactions(tmp_path)
    assert sorted(map(str, read.to_pylist())) == sorted(map(str, table.slice(0, 1_500).to_pylist()))
    assert read["at_s"].to_pylist() == sorted(read["at_s"].to_pylist())


def test_only_the_span_is_read(table: pa.Table, tmp_path: Path) -> None:
    write_rows(tmp_path, "history-a.parquet", table)
    times = table["at_s"].to_pylist()
    read = read_interactions(tmp_path, times[100], times[5_000])
    assert read["at_s"].to_pylist() == [t for t in times if times[100] <= t < times[5_000]]


def test_a_click_in_any_copy_is_a_click(table: pa.Table, tmp_path: Path) -> None:
    rows = table.slice(0, 1).to_pylist()
    for name, clicked in (("a", True), ("b", False)):
        copy = pa.Table.from_pylist([rows[0] | {"clicked": clicked}], schema=table.schema)
        write_rows(tmp_path, f"history-{name}.parquet", copy)
    assert read_interactions(tmp_path)["clicked"].to_pylist() == [True]


def test_a_missing_folder_is_empty(tmp_path: Path) -> None:
    assert len(read_interactions(tmp_path / "none")) == 0


def test_nulls_are_refused_and_leave_no_file(table: pa.Table, tmp_path: Path) -> None:
    index = table.schema.get_field_index("item_id")
    bad = table.slice(0, 3).set_column(index, "item_id", pa.array([None, "a", "b"]))
    with pytest.raises(ValueError, match="null"):
        write_rows(tmp_path, "history-a.parquet", bad)
    assert list(tmp_path.iterdir()) == []
