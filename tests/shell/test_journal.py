"""The journal gives back exactly what was stepped, and survives being torn."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.core.facts import Change, Fact, Fate, Operator, Tick, WorkDone
from controller.core.readings import Reading, ReadingState, SignalKey
from controller.errors import BadInput
from controller.shell.fact_rows import from_row, quantized
from controller.shell.journal import Journal, cut_torn_tail, segment_paths
from controller.shell.segment import read_segment

START_S = 1_764_000_000.0

values = st.none() | st.floats(allow_nan=False, allow_infinity=False, width=64)
readings = st.dictionaries(
    st.builds(
        SignalKey,
        st.sampled_from(["arm_latency_ms.p95", "ctr", "lift(ctr,primary,fallback).upper"]),
        st.sampled_from([(), (("arm", "primary"),), (("arm", "a,b}=c"), ("platform", "ios"))]),
        st.sampled_from([0.0, 5.0, 300.0]),
    ),
    st.builds(
        Reading,
        values,
        st.sampled_from(ReadingState),
        st.integers(0, 10**9),
        st.floats(0, 2e9),
        st.floats(0, 2e9),
        st.sampled_from(["", "lag 14s"]),
    ),
    max_size=6,
)
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
facts = st.one_of(
    st.builds(Tick, st.just(0), st.floats(0, 2e9), readings),
    st.builds(Fate, st.just(0), st.just(START_S), st.just("published"), text),
    st.builds(WorkDone, st.just(0), st.just(START_S), text, text, st.just("done"), text, text),
    st.builds(Operator, st.just(0), st.just(START_S), text, text, text, text, st.just(1e9)),
    st.builds(Change, st.just(0), st.just(START_S), text, text, text),
)


def journal(folder: Path, keep_s: float = 1e9, keep_bytes: float = 1e9) -> Journal:
    return Journal(folder, keep_s, keep_bytes)


def facts_on_disk(folder: Path) -> list[Fact]:
    return [from_row(row) for path in segment_paths([folder]) for row in read_segment(path).rows]


def tick(seq: int, value: float = 1.0) -> Tick:
    reading = Reading(value, ReadingState.OK, 10, START_S, START_S + seq)
    return Tick(seq, START_S + seq, {SignalKey("ctr"): reading})


def three_ticks(folder: Path) -> Path:
    """One closed segment of three frames, a tick in each."""
    log = journal(folder)
    log.begin(START_S, {})
    for seq in range(3):
        log.write(tick(seq))
        log.flush()
    log.close()
    (path,) = segment_paths([folder])
    return path


@settings(max_examples=60, deadline=None)
@given(given_facts=st.lists(facts, max_size=25))
def test_what_was_stepped_is_what_is_read_back(
    given_facts: list[Fact], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    log = journal(folder)
    log.begin(START_S, {"head": "x"})
    stepped = [log.write(fact) for fact in given_facts]
    log.close()
    assert facts_on_disk(folder) == stepped


@settings(max_examples=100)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_quantizing_twice_changes_nothing_more(value: float) -> None:
    assert quantized(quantized(value)) == quantized(value)


def test_epochs_are_not_rounded_as_measurements_are() -> None:
    assert quantized(1_764_000_123.0) == 1_764_000_123.0
    assert quantized(123.4567891) == 123.457


def test_a_fact_is_on_disk_after_a_flush_and_at_the_latest_after_ten(tmp_path: Path) -> None:
    log = journal(tmp_path)
    log.begin(START_S, {})
    log.write(tick(1))
    assert facts_on_disk(tmp_path) == []
    log.flush()
    assert len(facts_on_disk(tmp_path)) == 1
    for seq in range(2, 12):
        log.write(tick(seq))
    assert len(facts_on_disk(tmp_path)) == 11
    log.close()


def test_every_begin_is_a_segment_of_its_own_with_its_header(tmp_path: Path) -> None:
    log = journal(tmp_path)
    for head in ("a", "b", "c"):
        log.begin(START_S, {"head": head, "state": {"epoch": 7}})
        log.write(tick(1))
    log.close()
    found = [read_segment(path) for path in segment_paths([tmp_path])]
    assert [segment.header["head"] for segment in found] == ["a", "b", "c"]
    assert [len(segment.rows) for segment in found] == [1, 1, 1]


def test_a_torn_tail_is_cut_at_the_last_whole_frame_whereever_it_tore(tmp_path: Path) -> None:
    path = three_ticks(tmp_path)
    whole = path.read_bytes()
    sizes = set()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        sentence = cut_torn_tail(tmp_path)
        if not path.exists():
            assert sentence is not None
            assert "removed" in sentence
            continue
        segment = read_segment(path)
        assert segment.torn_bytes == 0
        assert [row.seq for row in segment.rows] == list(range(len(segment.rows)))
        sizes.add(len(segment.rows))
    assert sizes == {0, 1, 2}


def test_a_flipped_byte_ends_the_segment_before_it(tmp_path: Path) -> None:
    path = three_ticks(tmp_path)
    content = bytearray(path.read_bytes())
    content[-5] ^= 0x10
    path.write_bytes(bytes(content))
    segment = read_segment(path)
    assert [row.seq for row in segment.rows] == [0, 1]
    assert segment.torn_bytes > 0


def test_a_byte_flipped_in_the_middle_is_damage_and_no_torn_tail(tmp_path: Path) -> None:
    path = three_ticks(tmp_path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.write_bytes(bytes(content))
    with pytest.raises(BadInput, match="is damaged at byte"):
        read_segment(path)


def test_the_oldest_segments_go_first_when_there_is_too_much(tmp_path: Path) -> None:
    log = journal(tmp_path)
    for n in range(5):
        log.begin(START_S + n, {"n": n})
    log.close()
    size = segment_paths([tmp_path])[0].stat().st_size
    small = journal(tmp_path, keep_bytes=2.5 * size)
    small.begin(START_S + 9, {"n": 9})
    small.close()
    kept = [read_segment(path).header["n"] for path in segment_paths([tmp_path])]
    assert kept == [3, 4, 9]


def test_what_is_no_journal_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "x.journal").write_bytes(b"hello, this is not a journal at all")
    with pytest.raises(BadInput, match="not a journal segment"):
        read_segment(tmp_path / "x.journal")
    with pytest.raises(BadInput, match="cannot be read"):
        read_segment(tmp_path / "missing.journal")
