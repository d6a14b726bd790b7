"""A Redis that is killed, loses its data, may evict, or wants another password."""

from __future__ import annotations

import os
import shutil
import signal
import threading

import pytest

from controller.adapters.local_copy import LocalCopy
from controller.adapters.redis_connection import connect
from controller.adapters.redis_store import RedisPlanStore, check_store
from controller.errors import BadInput, Rejected, Unavailable
from selfright.stack.child_process import free_port
from tests.adapters.commits import Chain, log_of, publish, stored_of
from tests.adapters.polling import wait_until

pytestmark = pytest.mark.live


@pytest.fixture
def own_store(own_redis):
    store = RedisPlanStore(own_redis.url, own_redis.password, "recommender", timeout_s=0.5)
    yield store
    store.close()


@pytest.mark.kills
def test_a_store_killed_between_commits_loses_nothing(own_redis, own_store):
    chain = Chain()
    commits = publish(own_store, chain, 20)
    own_redis.kill()
    unknown = chain.next()
    assert own_store.commit(unknown) == "unreachable"
    with pytest.raises(Unavailable):
        own_store.load()
    own_redis.start()
    assert own_store.load() == stored_of(commits[-1])
    assert own_store.commit(unknown) == "published"
    expected = [record for commit in [*commits, unknown] for record in commit.records]
    assert log_of(own_store) == expected


@pytest.mark.kills
def test_a_store_killed_in_the_middle_of_a_commit_took_it_whole_or_not(own_redis, own_store):
    chain = Chain()
    publish(own_store, chain)
    for _ in range(5):
        killer = threading.Timer(0.01, own_redis.kill)
        killer.start()
        while True:
            commit = chain.next()
            fate = own_store.commit(commit)
            if fate != "published":
                break
            chain.accept(commit)
        killer.join()
        assert fate == "unreachable"
        own_redis.start()
        stored = own_store.load()
        assert stored is not None
        assert stored.head in (commit.prev_head, commit.head)
        log_before = log_of(own_store)
        assert own_store.commit(commit) == "published"
        grown = log_of(own_store)
        added = () if stored.head == commit.head else commit.records
        assert grown == [*log_before, *added]
        chain.accept(commit)


@pytest.mark.kills
def test_a_lost_reply_is_found_out_by_asking_again(own_redis, own_store):
    chain = Chain()
    publish(own_store, chain)
    commit = chain.next()
    os.kill(own_redis.pid, signal.SIGSTOP)
    try:
        assert own_store.commit(commit) == "unreachable"
    finally:
        os.kill(own_redis.pid, signal.SIGCONT)
    assert own_store.commit(commit) == "published"
    assert log_of(own_store)[-2:] == list(commit.records)
    assert len(log_of(own_store)) == 4


@pytest.mark.kills
def test_a_redis_that_comes_back_empty_is_refilled_from_the_copy(own_redis, own_store, tmp_path):
    chain = Chain()
    publish(own_store, chain, 3)
    copy = LocalCopy(tmp_path / "decisions")
    assert copy.catch_up(own_store) == 6
    log, stored = log_of(own_store), own_store.load()
    own_redis.kill()
    shutil.rmtree(tmp_path / "redis")
    own_redis.start()
    assert own_store.load() is None
    assert own_store.refill(copy.records(), copy.stored())
    assert (log_of(own_store), own_store.load()) == (log, stored)
    publish(own_store, chain)


def test_a_large_copy_is_staged_in_pieces_and_leaves_nothing_behind(own_redis, own_store):
    commit = Chain().next(records=1_234)
    assert own_store.refill(commit.records, stored_of(commit))
    found, after = [], "-"
    while page := own_store.records(after):
        found += [record for _, record in page]
        after = page[-1][0]
    assert found == list(commit.records)
    client = connect(own_redis.url, own_redis.password, 1.0)
    names = {key.decode().rpartition(":")[2] for key in client.keys("*")}
    assert names == {"log", "plan", "state", "head"}
    assert client.ttl("selfright:recommender:log") == -1
    client.close()


def test_a_wrong_password_is_rejected_in_one_line(redis_server):
    store = RedisPlanStore(redis_server.url, "wrong", "recommender")
    for ask in (store.load, lambda: store.commit(Chain().next()), store.records):
        with pytest.raises(Rejected) as caught:
            ask()
        assert str(caught.value) == (
            f"Redis at 127.0.0.1:{redis_server.port} refuses the password: "
            "check SELFRIGHT_REDIS_PASSWORD"
        )
    store.close()


def test_no_password_is_rejected_too(redis_server):
    with pytest.raises(Rejected, match="SELFRIGHT_REDIS_PASSWORD"):
        check_store(redis_server.url, None)


def test_a_redis_that_is_not_there_is_unavailable():
    url = f"redis://127.0.0.1:{free_port()}/0"
    with pytest.raises(Unavailable, match="Redis at 127.0.0.1"):
        check_store(url, None)
    assert RedisPlanStore(url, None, "x").commit(Chain().next()) == "unreachable"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://localhost", "not a Redis address"),
        ("redis://", "not a Redis address"),
        ("localhost:6379", "not a Redis address"),
        ("redis://localhost:port", "accepted: redis://HOST:PORT/0"),
        ("redis://:secret@localhost", "SELFRIGHT_REDIS_PASSWORD"),
    ],
)
def test_a_bad_address_gets_one_clear_line(url, said):
    with pytest.raises(BadInput) as caught:
        RedisPlanStore(url, None, "x")
    assert said in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_redis_that_may_evict_is_refused(own_redis):
    client = connect(own_redis.url, own_redis.password, 1.0)
    assert check_store(own_redis.url, own_redis.password) == ()
    client.config_set("maxmemory", "100mb")
    assert check_store(own_redis.url, own_redis.password) == ()
    client.config_set("maxmemory-policy", "allkeys-lru")
    with pytest.raises(BadInput, match=r"may evict the plan \(maxmemory-policy allkeys-lru\)"):
        check_store(own_redis.url, own_redis.password)
    client.close()


def test_a_redis_without_append_only_file_is_warned_of(own_redis):
    client = connect(own_redis.url, own_redis.password, 1.0)
    client.config_set("appendonly", "no")
    (warning,) = check_store(own_redis.url, own_redis.password)
    assert "no append-only file" in warning
    client.close()


def test_a_store_out_of_memory_takes_nothing_and_goes_on_when_it_has_some(own_redis, own_store):
    chain = Chain()
    publish(own_store, chain)
    client = connect(own_redis.url, own_redis.password, 1.0)
    client.config_set("maxmemory", "1")
    before = own_store.load()
    assert own_store.commit(chain.next()) == "unreachable"
    client.config_set("maxmemory", "0")
    assert own_store.load() == before
    wait_until(lambda: own_store.commit(chain.next()) == "published", "memory")
    client.close()
