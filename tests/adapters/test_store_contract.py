"""What every plan store does: in memory and a real server."""

from __future__ import annotations

import dataclasses
import time

import pytest

from controller.ports import GENESIS
from tests.adapters.commits import Chain, log_of, publish, stored_of
from tests.adapters.polling import wait_until


def test_an_empty_store_holds_nothing(store):
    assert store.load() is None
    assert list(store.records()) == []


def test_a_commit_appends_records_and_swaps_plan_and_state_together(store):
    chain = Chain()
    first, second = publish(store, chain, 2)
    assert store.load() == stored_of(second)
    assert log_of(store) == [*first.records, *second.records]


def test_a_commit_without_a_lease_is_refused_and_changes_nothing(store):
    assert store.commit(Chain().next()) == "refused"
    assert store.load() is None
    assert log_of(store) == []


def test_a_commit_in_another_epoch_than_the_lease_is_refused(store):
    chain = Chain()
    publish(store, chain)
    before = store.load()
    assert store.commit(dataclasses.replace(chain.next(), epoch=9)) == "refused"
    assert store.commit(dataclasses.replace(chain.next(), epoch=11)) == "refused"
    assert store.commit(dataclasses.replace(chain.next(), holder="b")) == "refused"
    assert store.load() == before


def test_a_commit_after_another_head_is_behind_and_changes_nothing(store):
    chain = Chain()
    stale = chain.next(note="never sent")
    publish(store, chain)
    before, log = store.load(), log_of(store)
    assert store.commit(stale) == "behind"
    assert (store.load(), log_of(store)) == (before, log)


def test_a_commit_whose_reply_was_lost_is_published_once(store):
    chain = Chain()
    (commit,) = publish(store, chain)
    assert store.commit(commit) == "published"
    assert log_of(store) == list(commit.records)


def test_a_lost_reply_is_published_even_when_another_leads_by_now(store):
    chain = Chain()
    (commit,) = publish(store, chain)
    store.release("a", 10)
    assert store.lease("b", 11, 60.0)
    assert store.commit(commit) == "published"
    assert log_of(store) == list(commit.records)


def test_a_paused_old_leader_can_neither_append_nor_publish(store):
    old = Chain("old", epoch=10)
    assert store.lease("old", 10, 0.05)
    first = old.next()
    assert store.commit(first) == "published"
    old.accept(first)
    paused = old.next(note="decided before the pause")

    new = Chain("new", epoch=11, head=old.head, revision=old.revision)
    wait_until(lambda: store.lease("new", 11, 60.0), "the lease to lapse")
    (second,) = publish(store, new)

    assert store.commit(paused) == "refused"
    assert not store.lease("old", 10, 60.0)
    assert store.commit(paused) == "refused"
    assert store.load() == stored_of(second)
    assert log_of(store) == [*first.records, *second.records]


def test_a_lapsed_lease_commits_nothing_until_renewed(store):
    chain = Chain()
    assert store.lease("a", 10, 0.02)
    time.sleep(0.05)
    assert store.commit(chain.next()) == "refused"
    assert store.lease("a", 10, 60.0)
    assert store.commit(chain.next()) == "published"


def test_a_lease_is_held_by_one(store):
    assert store.lease("a", 10, 60.0)
    assert store.lease("a", 10, 60.0)
    assert not store.lease("b", 10, 60.0)
    assert not store.lease("b", 11, 60.0)


def test_the_holder_may_take_a_newer_epoch_and_never_an_older_one(store):
    assert store.lease("a", 10, 60.0)
    assert store.lease("a", 12, 60.0)
    assert not store.lease("a", 11, 60.0)


def test_a_released_lease_is_free_for_a_newer_epoch_only(store):
    assert store.lease("a", 10, 60.0)
    store.release("b", 10)
    assert not store.lease("b", 11, 60.0)
    store.release("a", 10)
    assert not store.lease("b", 9, 60.0)
    assert store.lease("b", 11, 60.0)


def test_an_epoch_in_which_another_committed_is_never_led_again(store):
    publish(store, Chain("a", epoch=10))
    store.release("a", 10)
    assert not store.lease("b", 10, 60.0)
    assert store.lease("b", 11, 60.0)


def test_an_epoch_in_which_nothing_was_committed_may_be_taken_over(store):
    assert store.lease("crashed before its election was stored", 10, 0.01)
    wait_until(lambda: store.lease("b", 10, 60.0), "the lease to lapse")


def test_an_empty_store_is_refilled_whole(store):
    chain = Chain()
    commits = [chain.next()]
    chain.accept(commits[0])
    commits.append(chain.next())
    records = [record for commit in commits for record in commit.records]
    stored = stored_of(commits[-1])
    assert store.refill(records, stored)
    assert store.load() == stored
    assert log_of(store) == records
    chain.accept(commits[-1])
    publish(store, chain)


def test_a_store_that_is_behind_gets_only_what_it_lacks(store):
    chain = Chain()
    (first,) = publish(store, chain)
    second = chain.next(records=3)
    assert store.refill([*first.records, *second.records], stored_of(second))
    assert store.load() == stored_of(second)
    assert log_of(store) == [*first.records, *second.records]


def test_refilling_twice_changes_nothing_more(store):
    commit = Chain().next()
    assert store.refill(commit.records, stored_of(commit))
    assert store.refill(commit.records, stored_of(commit))
    assert log_of(store) == list(commit.records)


def test_a_store_with_a_log_of_its_own_is_not_overwritten(store):
    publish(store, Chain(), 2)
    before, log = store.load(), log_of(store)
    other = Chain().next(note="another history")
    assert not store.refill(other.records, stored_of(other))
    assert (store.load(), log_of(store)) == (before, log)


def test_a_copy_that_is_behind_the_store_changes_nothing(store):
    first, second = publish(store, Chain(), 2)
    assert not store.refill(first.records, stored_of(first))
    assert store.load() == stored_of(second)


def test_a_copy_that_does_not_end_at_its_head_is_our_mistake(store):
    commit = Chain().next()
    with pytest.raises(ValueError, match="not at its own head"):
        store.refill(commit.records[:1], stored_of(commit))
    assert store.load() is None


def test_a_refilled_store_knows_the_epoch(store):
    commit = Chain(epoch=50).next()
    assert store.refill(commit.records, stored_of(commit))
    assert not store.lease("b", 49, 60.0)
    assert store.lease("b", 51, 60.0)


def test_records_are_read_in_pages(store):
    commits = publish(store, Chain(), 5)
    expected = [record for commit in commits for record in commit.records]
    found, after = [], "-"
    while page := store.records(after, 3):
        assert len(page) <= 3
        found += [record for _, record in page]
        after = page[-1][0]
    assert found == expected


def test_the_first_commit_follows_genesis(store):
    commit = Chain().next()
    assert commit.prev_head == GENESIS
    assert store.lease("a", 10, 60.0)
    assert store.commit(commit) == "published"
