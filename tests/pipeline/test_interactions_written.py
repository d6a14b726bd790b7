"""Interactions on disk: exact through restarts, crashes, a new bus, compaction and retention."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.telemetry.schema import OUTCOME, SERVED
from models.interactions import current_files, read_interactions, write_rows
from serving.pipeline import loop
from serving.pipeline.parts import Parts
from serving.pipeline.snapshot import BadSnapshot, load

START_S = 1_800_000_000.0


def summary(table: pa.Table) -> list[tuple[int, int, bool]]:
    return sorted(
        (int.from_bytes(row["request_id"]), row["position"], row["clicked"])
        for row in table.to_pylist()
    )


def expected(numbers: range) -> list[tuple[int, int, bool]]:
    """Every even request had its second item clicked."""
    return [(n, place, place == 1 and n % 2 == 0) for n in numbers for place in range(3)]


def send(world: Any, rows: Any, numbers: range, at_s: float | None = None, copies: int = 1) -> None:
    """Requests drawn at ``at_s``, or one a second from the start."""
    times = {n: START_S + n if at_s is None else at_s for n in numbers}
    world.send(SERVED, [rows.served(n, at) for n, at in times.items()], copies=copies)
    clicked = [rows.outcome(n, at, [1]) for n, at in times.items() if n % 2 == 0]
    world.send(OUTCOME, clicked, copies=copies)


def run(pipeline: Any, from_s: int, to_s: int) -> None:
    for second in range(from_s, to_s):
        pipeline.turn(START_S + second)


def raw_rows(world: Any) -> int:
    """Rows in all files that count, duplicates and all."""
    import pyarrow.parquet as pq

    return sum(pq.read_metadata(path).num_rows for path in current_files(world.interactions))


def test_each_shown_item_is_written_once(world: Any, rows: Any) -> None:
    pipeline = world.pipeline(START_S)
    send(world, rows, range(10), copies=3)
    run(pipeline, 10, 100)
    assert summary(read_interactions(world.interactions)) == expected(range(10))
    assert raw_rows(world) == 30
    assert "duplicate_batches=4" in pipeline.report()


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_crashes_and_restarts_lose_and_double_nothing(
    data: Any, rows: Any, tmp_path_factory: pytest.TempPathFactory, world: Any
) -> None:
    here = type(world)(tmp_path_factory.mktemp("world"))
    pipeline = here.pipeline(START_S)
    second = 0
    for number in range(0, 40, 4):
        now_s = START_S + second
        send(here, rows, range(number, number + 4), now_s, copies=data.draw(st.integers(1, 2)))
        turns = data.draw(st.integers(1, 40))
        run(pipeline, second, second + turns)
        second += turns
        match data.draw(st.sampled_from(["go on", "crash", "stop"])):
            case "crash":
                pipeline = here.pipeline(START_S + second)
            case "stop":
                pipeline.stop()
                pipeline = here.pipeline(START_S + second)
    run(pipeline, second, second + 120)
    assert summary(read_interactions(here.interactions)) == expected(range(40))
    assert raw_rows(here) == 120


def test_a_crash_between_part_and_snapshot_doubles_nothing(
    world: Any, rows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = world.pipeline(START_S)
    run(pipeline, 0, 40)
    send(world, rows, range(40, 50))

    def power_cut(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(loop, "save", power_cut)
        with pytest.raises(KeyboardInterrupt):
            run(pipeline, 50, 150)
    assert raw_rows(world) == 18
    again = world.pipeline(START_S + 150)
    assert raw_rows(world) == 0
    run(again, 150, 250)
    assert summary(read_interactions(world.interactions)) == expected(range(40, 50))
    assert raw_rows(world) == 30


def test_a_full_disk_keeps_the_rows_for_later(
    world: Any, rows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = world.pipeline(START_S)
    send(world, rows, range(10))

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Parts, "write", full)
        run(pipeline, 10, 100)
        assert raw_rows(world) == 0
    run(pipeline, 100, 140)
    assert summary(read_interactions(world.interactions)) == expected(range(10))


def test_a_bus_that_comes_back_empty_is_read_from_its_start(world: Any, rows: Any) -> None:
    pipeline = world.pipeline(START_S)
    send(world, rows, range(10))
    run(pipeline, 10, 12)
    world.bus.down = True
    run(pipeline, 12, 14)
    world.bus.restart()
    send(world, rows, range(14, 18))
    run(pipeline, 18, 120)
    assert world.reader.recycled == 2
    assert summary(read_interactions(world.interactions)) == [
        *expected(range(10)),
        *expected(range(14, 18)),
    ]


def test_a_broken_message_stops_nothing(world: Any, rows: Any) -> None:
    pipeline = world.pipeline(START_S)
    assert world.bus.writer().send(SERVED, b"garbage", headers={}, partition=0)
    send(world, rows, range(4))
    run(pipeline, 4, 100)
    assert "broken_batches=1" in pipeline.report()
    assert summary(read_interactions(world.interactions)) == expected(range(4))


def test_compaction_keeps_rows_and_takes_late_parts_in(world: Any, rows: Any) -> None:
    parts = Parts(world.interactions, "run", 0)
    table = joined(rows, range(60))
    for start in range(0, 40, 10):
        parts.write(table.slice(start * 3, 30))
    hours = START_S + 3 * 3_600.0
    assert parts.compact(START_S + 1_800.0, 60.0) == 0
    assert parts.compact(hours, 60.0) == 1
    assert len(list(world.interactions.iterdir())) == 1
    assert summary(read_interactions(world.interactions)) == expected(range(40))
    parts.write(table.slice(120, 60))
    assert parts.compact(hours, 60.0) == 1
    assert parts.compact(hours, 60.0) == 0
    assert summary(read_interactions(world.interactions)) == expected(range(60))
    assert raw_rows(world) == 180


def test_an_interrupted_compaction_shows_each_row_once(world: Any, rows: Any) -> None:
    parts = Parts(world.interactions, "run", 0)
    table = joined(rows, range(20))
    parts.write(table.slice(0, 30))
    parts.write(table.slice(30, 30))
    names = [path.name for path in current_files(world.interactions)]
    write_rows(
        world.interactions, names[0].replace("part", "hour").replace("-0.", "-2."), table, names
    )
    assert raw_rows(world) == 60
    assert summary(read_interactions(world.interactions)) == expected(range(20))
    assert parts.compact(START_S + 3 * 3_600.0, 60.0) == 0
    assert len(list(world.interactions.iterdir())) == 1


def test_rows_of_two_hours_go_into_two_parts(world: Any, rows: Any) -> None:
    parts = Parts(world.interactions, "run", 0)
    one, other = joined(rows, range(2)), joined(rows, range(2, 4), later_s=3_600.0)
    assert parts.write(pa.concat_tables([one, other])) == 2
    assert parts.next_part == 1


def test_retention_removes_old_hours_but_never_history(world: Any, rows: Any) -> None:
    parts = Parts(world.interactions, "run", 0)
    parts.write(joined(rows, range(2)))
    parts.write(joined(rows, range(2, 4), later_s=7_200.0))
    write_rows(world.interactions, "history-1.parquet", joined(rows, range(4, 6)))
    assert parts.retain(START_S + 7_201.0, 3_600.0) == 1
    numbers = {n for n, _, _ in summary(read_interactions(world.interactions))}
    assert numbers == {2, 3, 4, 5}


def test_a_broken_snapshot_is_said(world: Any, rows: Any) -> None:
    pipeline = world.pipeline(START_S)
    send(world, rows, range(3))
    run(pipeline, 3, 40)
    path = world.folder / "snapshots" / "pipeline.arrow"
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(BadSnapshot, match="pipeline.arrow"):
        load(path, 10.0)


def joined(rows: Any, numbers: range, later_s: float = 0.0) -> pa.Table:
    from models.interactions import SCHEMA

    return pa.Table.from_pylist(
        [
            {
                "request_id": rows.request_id(number),
                "at_s": START_S + later_s + number,
                "user_id": number % 5,
                "item_id": item,
                "position": place,
                "clicked": place == 1 and number % 2 == 0,
                "arm": "primary",
                "source": "served",
            }
            for number in numbers
            for place, item in enumerate(rows.items(number))
        ],
        schema=SCHEMA,
    )
