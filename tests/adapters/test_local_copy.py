"""The controller's copy on disk, and what a crash at any point leaves of it."""

from __future__ import annotations

import json
import os
import shutil

import pytest

from controller.adapters.local_copy import LocalCopy
from controller.adapters.memory_clock import MemoryClock
from controller.adapters.memory_store import MemoryPlanStore
from controller.errors import BadInput
from controller.ports import GENESIS
from tests.adapters.commits import Chain, log_of, publish, stored_of


@pytest.fixture
def chain() -> Chain:
    return Chain()


def _follow(copy: LocalCopy, chain: Chain, count: int = 1):
    commits = []
    for _ in range(count):
        commit = chain.next()
        copy.follow(commit.records, stored_of(commit))
        chain.accept(commit)
        commits.append(commit)
    return commits


def test_an_empty_copy_is_at_genesis(tmp_path):
    copy = LocalCopy(tmp_path / "decisions")
    assert (copy.head(), copy.stored(), copy.records(), copy.repairs) == (GENESIS, None, [], [])


def test_a_copy_opened_again_holds_what_it_followed(tmp_path, chain):
    commits = _follow(LocalCopy(tmp_path), chain, 3)
    copy = LocalCopy(tmp_path)
    assert copy.records() == [record for commit in commits for record in commit.records]
    assert copy.stored() == stored_of(commits[-1])
    assert copy.repairs == []


def test_a_torn_last_line_is_cut_and_said(tmp_path, chain):
    (commit,) = _follow(LocalCopy(tmp_path), chain)
    with (tmp_path / "records.jsonl").open("ab") as file:
        file.write(b'{"id": "10-2-0", "pre')
    copy = LocalCopy(tmp_path)
    assert copy.records() == list(commit.records)
    assert copy.stored() == stored_of(commit)
    (said,) = copy.repairs
    assert "torn last line of 21 bytes cut" in said


class _Crash(Exception):
    """Stands for the end of the process."""


@pytest.mark.parametrize("call", range(1, 5))
def test_a_crash_at_any_sync_leaves_the_step_whole_or_not_at_all(
    tmp_path, chain, monkeypatch, call
):
    copy = LocalCopy(tmp_path)
    _follow(copy, chain)
    before = copy.stored(), copy.records()
    commit = chain.next()
    after = stored_of(commit), [*copy.records(), *commit.records]
    real, calls = os.fsync, []

    def crashing(descriptor):
        calls.append(descriptor)
        if len(calls) == call:
            raise _Crash
        real(descriptor)

    monkeypatch.setattr(os, "fsync", crashing)
    if call <= 3:
        with pytest.raises(_Crash):
            copy.follow(commit.records, stored_of(commit))
    else:
        copy.follow(commit.records, stored_of(commit))
    monkeypatch.undo()
    again = LocalCopy(tmp_path)
    found = again.stored(), again.records()
    assert found in (before, after)
    # Once the records are on disk the step is done, whatever happens to the rename.
    assert found == (before if call == 1 else after)
    again.follow(chain.next().records if found == before else (), after[0])
    assert LocalCopy(tmp_path).stored() == after[0]


def test_every_torn_length_of_the_records_file_is_repaired(tmp_path, chain):
    whole = tmp_path / "whole"
    copy = LocalCopy(whole)
    first, second = _follow(copy, chain, 2)
    size = (whole / "records.jsonl").stat().st_size
    step = sum(len(record) + 1 for record in second.records)
    document = json.loads((whole / "stored.json").read_text())
    for length in range(size - step, size):
        torn = tmp_path / "torn"
        shutil.rmtree(torn, ignore_errors=True)
        shutil.copytree(whole, torn)
        (torn / "stored.json").rename(torn / "next.json")
        document.update(
            head=first.head,
            epoch=first.epoch,
            revision=first.revision,
            plan=first.plan.decode(),
            state=first.state.decode(),
        )
        (torn / "stored.json").write_text(json.dumps(document))
        os.truncate(torn / "records.jsonl", length)
        repaired = LocalCopy(torn)
        assert repaired.stored() == stored_of(first)
        assert repaired.records() == list(first.records)


def test_a_copy_catches_up_with_the_store(tmp_path, chain):
    store = MemoryPlanStore(MemoryClock())
    copy = LocalCopy(tmp_path)
    first = publish(store, chain, 2)[-1]
    assert copy.catch_up(store) == 4
    assert copy.stored() == stored_of(first)
    second = publish(store, chain, 3)[-1]
    assert copy.catch_up(store) == 6
    assert copy.catch_up(store) == 0
    assert (copy.stored(), copy.records()) == (stored_of(second), log_of(store))


def test_a_copy_of_another_history_is_set_aside_not_deleted(tmp_path, chain):
    other = _follow(LocalCopy(tmp_path), Chain(epoch=3), 2)
    store = MemoryPlanStore(MemoryClock())
    publish(store, chain, 2)
    copy = LocalCopy(tmp_path)
    assert copy.catch_up(store) == 4
    assert copy.records() == log_of(store)
    aside = (tmp_path / "records.aside-0.jsonl").read_bytes().splitlines()
    assert aside == [record for commit in other for record in commit.records]
    assert "set aside" in copy.repairs[-1]
    assert LocalCopy(tmp_path).stored() == store.load()


def test_an_empty_store_leaves_the_copy_alone(tmp_path, chain):
    copy = LocalCopy(tmp_path)
    (commit,) = _follow(copy, chain)
    assert copy.catch_up(MemoryPlanStore(MemoryClock())) == 0
    assert copy.stored() == stored_of(commit)


def test_a_copy_refills_an_empty_store(tmp_path, chain):
    copy = LocalCopy(tmp_path)
    commits = _follow(copy, chain, 3)
    store = MemoryPlanStore(MemoryClock())
    assert store.refill(copy.records(), copy.stored())
    assert store.load() == stored_of(commits[-1])


def test_a_whole_line_that_is_no_record_is_named(tmp_path, chain):
    _follow(LocalCopy(tmp_path), chain)
    with (tmp_path / "records.jsonl").open("ab") as file:
        file.write(b"not json\n")
    with pytest.raises(BadInput, match=r"records\.jsonl:3: not a sealed record"):
        LocalCopy(tmp_path)


def test_records_that_do_not_end_at_the_head_are_our_mistake(tmp_path, chain):
    commit = chain.next()
    with pytest.raises(ValueError, match="not the head"):
        LocalCopy(tmp_path).follow(commit.records[:1], stored_of(commit))
    assert LocalCopy(tmp_path).records() == []
