"""What leaves the log goes to the archive, and archive and log are one chain at every moment."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.adapters.local_copy import LocalCopy
from controller.adapters.log_archive import archive_paths, archived_lines
from controller.adapters.memory_clock import MemoryClock
from controller.adapters.memory_store import MemoryPlanStore
from controller.errors import BadInput
from controller.ports import GENESIS, Commit, Stored
from controller.shell.log_sources import from_store, with_archive
from controller.shell.seal import seal
from controller.shell.verify import verify


class Log:
    """Commits as a leader makes them: the store first, then the copy, then the store is trimmed."""

    def __init__(self, folder: Path, keep_s: float, keep_bytes: float) -> None:
        self.folder = folder
        self.keep = (keep_s, keep_bytes)
        self.clock = MemoryClock()
        self.store: Any = MemoryPlanStore(self.clock)
        self.copy = LocalCopy(folder / "decisions", *self.keep)
        self.lines: list[bytes] = []
        self.head = GENESIS
        self.store.lease("a", 1, 1e12)

    def commit(self, at_s: float, count: int, *, trims: bool = True) -> None:
        first = len(self.lines)
        documents = [{"id": f"1-{first + n}-1", "at_s": at_s} for n in range(count)]
        sealed = seal(documents, self.head)
        plan = b'{"head":"' + sealed.head.encode() + b'"}'
        revision = first + count
        commit = Commit("a", 1, revision, self.head, sealed.head, sealed.lines, plan, b"{}")
        assert self.store.commit(commit) == "published"
        self.copy.follow(sealed.lines, Stored(sealed.head, plan, b"{}", 1, revision))
        self.lines += sealed.lines
        self.head = sealed.head
        if trims:
            self.store.trim(self.copy.archived())

    def opened_again(self) -> LocalCopy:
        self.copy = LocalCopy(self.folder / "decisions", *self.keep)
        return self.copy


steps = st.lists(
    st.tuples(st.floats(0.0, 400.0), st.integers(1, 4), st.booleans(), st.booleans()),
    min_size=1,
    max_size=15,
)


@settings(max_examples=30, deadline=None)
@given(steps=steps, keep_s=st.floats(1.0, 1_000.0), keep_bytes=st.floats(1.0, 5_000.0))
def test_archive_and_live_log_are_one_whole_chain_whatever_is_kept(
    steps: Any, keep_s: float, keep_bytes: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    log = Log(tmp_path_factory.mktemp("log"), keep_s, keep_bytes)
    at_s = 0.0
    for later_s, count, trims, restarts in steps:
        at_s += later_s
        log.commit(at_s, count, trims=trims)
        if restarts:
            log.opened_again()
        assert log.copy.head() == log.head
        archived = archived_lines(log.folder / "decisions" / "archive")
        assert [*archived, *log.copy.records()] == log.lines
        stored = with_archive(from_store(log.store), log.folder)
        assert list(stored.lines) == log.lines
        assert verify(stored.lines, log.head).is_whole


def test_the_store_never_loses_what_the_archive_does_not_hold(tmp_path: Path) -> None:
    log = Log(tmp_path, 50.0, 1e9)
    for second in range(0, 200, 10):
        log.commit(float(second), 1)
    live = [line for _, line in log.store.records()]
    assert 0 < len(live) < len(log.lines)
    assert log.store.trim("f" * 64) == 0
    assert log.store.trim(log.head) == 0
    assert [line for _, line in log.store.records()] == live


def test_a_crash_between_archive_and_copy_repeats_nothing(tmp_path: Path) -> None:
    log = Log(tmp_path, 50.0, 1e9)
    for second in (0, 10, 20):
        log.commit(float(second), 1)
    records = tmp_path / "decisions" / "records.jsonl"
    before = tmp_path / "before"
    shutil.copy(records, before)
    log.commit(100.0, 1)
    records.write_bytes(before.read_bytes() + log.lines[-1] + b"\n")
    copy = log.opened_again()
    assert copy.records() == log.lines[3:]
    assert any("archived already" in sentence for sentence in copy.repairs)


def test_a_missing_archive_file_breaks_the_chain(tmp_path: Path) -> None:
    log = Log(tmp_path, 20.0, 1e9)
    for second in range(0, 200, 10):
        log.commit(float(second), 1)
    paths = archive_paths(tmp_path / "decisions" / "archive")
    assert len(paths) >= 3
    paths[1].unlink()
    whole = with_archive(from_store(log.store), tmp_path)
    flaw = verify(whole.lines, log.head).flaw
    assert flaw is not None
    assert flaw.kind == "removed"
    paths[2].write_bytes(b"hello")
    with pytest.raises(BadInput, match="no archive of the decision log"):
        with_archive(from_store(log.store), tmp_path)


def test_without_its_archive_a_log_is_whole_only_after_the_hash_it_begins_after(
    tmp_path: Path,
) -> None:
    log = Log(tmp_path, 20.0, 1e9)
    for second in range(0, 100, 10):
        log.commit(float(second), 1)
    alone = from_store(log.store)
    assert not verify(alone.lines, alone.head).is_whole
    assert alone.begins_after == log.copy.archived()
    assert verify(alone.lines, alone.head, first_prev=alone.begins_after).is_whole


def test_redis_trims_as_memory_does(store: Any) -> None:
    documents = [{"id": f"1-{n}-1", "at_s": float(n)} for n in range(5)]
    sealed = seal(documents)
    assert store.lease("a", 1, 60.0)
    commit = Commit("a", 1, 1, GENESIS, sealed.head, sealed.lines, b"{}", b"{}")
    assert store.commit(commit) == "published"
    third = seal(documents[:3]).head
    assert store.trim("f" * 64) == 0
    assert store.trim(third) == 3
    assert [line for _, line in store.records()] == list(sealed.lines[3:])
    assert store.trim(third) == 0
    assert store.trim(sealed.head) == 0
