"""What every copy of {records, plan, state} does: on disk and in memory."""

from __future__ import annotations

import pytest

from controller.adapters.local_copy import LocalCopy
from controller.adapters.memory_clock import MemoryClock
from controller.adapters.memory_copy import MemoryCopy
from controller.adapters.memory_store import MemoryPlanStore
from controller.errors import Unavailable
from controller.ports import GENESIS
from tests.adapters.commits import Chain, log_of, publish, stored_of


@pytest.fixture(params=["disk", "memory"])
def copy(request, tmp_path):
    return LocalCopy(tmp_path) if request.param == "disk" else MemoryCopy()


@pytest.fixture
def chain() -> Chain:
    return Chain()


def _follow(copy, chain: Chain, count: int):
    commits = []
    for _ in range(count):
        commit = chain.next()
        copy.follow(commit.records, stored_of(commit))
        chain.accept(commit)
        commits.append(commit)
    return commits


def test_an_empty_copy_is_at_genesis(copy):
    assert (copy.head(), copy.stored(), copy.records()) == (GENESIS, None, [])


def test_it_holds_what_it_followed(copy, chain):
    commits = _follow(copy, chain, 3)
    assert copy.records() == [record for commit in commits for record in commit.records]
    assert (copy.head(), copy.stored()) == (commits[-1].head, stored_of(commits[-1]))


def test_what_it_gives_away_is_not_its_own(copy, chain):
    commits = _follow(copy, chain, 1)
    copy.records().clear()
    assert copy.records() == list(commits[0].records)


def test_it_catches_up_with_the_store(copy, chain):
    store = MemoryPlanStore(MemoryClock())
    publish(store, chain, 2)
    assert copy.catch_up(store) == 4
    second = publish(store, chain, 3)[-1]
    assert copy.catch_up(store) == 6
    assert copy.catch_up(store) == 0
    assert (copy.stored(), copy.records()) == (stored_of(second), log_of(store))


def test_another_history_is_taken_whole(copy, chain):
    _follow(copy, Chain(epoch=3), 2)
    store = MemoryPlanStore(MemoryClock())
    publish(store, chain, 2)
    assert copy.catch_up(store) == 4
    assert (copy.stored(), copy.records()) == (store.load(), log_of(store))


def test_an_empty_store_leaves_it_alone(copy, chain):
    (commit,) = _follow(copy, chain, 1)
    assert copy.catch_up(MemoryPlanStore(MemoryClock())) == 0
    assert copy.stored() == stored_of(commit)


def test_a_store_that_is_gone_is_said(copy):
    store = MemoryPlanStore(MemoryClock())
    store.down = True
    with pytest.raises(Unavailable):
        copy.catch_up(store)


def test_it_refills_an_empty_store(copy, chain):
    commits = _follow(copy, chain, 3)
    store = MemoryPlanStore(MemoryClock())
    assert store.refill(copy.records(), copy.stored())
    assert store.load() == stored_of(commits[-1])


def test_records_that_do_not_end_at_the_head_are_our_mistake(copy, chain):
    commit = chain.next()
    with pytest.raises(ValueError, match="not the head"):
        copy.follow(commit.records[:1], stored_of(commit))
    assert copy.records() == []


def test_a_record_of_two_lines_is_our_mistake(copy, chain):
    commit = chain.next()
    with pytest.raises(ValueError, match="one line"):
        copy.follow((b"{}\n{}", *commit.records), stored_of(commit))
    assert copy.records() == []


def test_in_memory_too_the_other_history_is_kept_aside(chain):
    copy = MemoryCopy()
    other = _follow(copy, Chain(epoch=3), 2)
    store = MemoryPlanStore(MemoryClock())
    publish(store, chain, 2)
    copy.catch_up(store)
    assert copy.set_aside == [[record for commit in other for record in commit.records]]
