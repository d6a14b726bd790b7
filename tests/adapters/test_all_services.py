"""A cap that several services share: exact over any span, in memory and in a real server."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.adapters.cap_ledger import CapLedger
from controller.adapters.dry_run_store import DryRunStore
from controller.adapters.memory_clock import MemoryClock
from controller.adapters.memory_store import MemoryPlanStore
from controller.adapters.redis_store import RedisPlanStore
from controller.adapters.wall_clock import WallClock
from controller.errors import Unavailable
from tests.examples import examples

HOUR_S = 3_600.0
ASKS = st.lists(
    st.tuples(
        st.integers(0, 120).map(lambda quarters: quarters / 4),  # seconds since the last
        st.sampled_from(["a", "b", "c"]),
        st.integers(1, 3),
        st.booleans(),  # the last key again
    ),
    max_size=40,
)


@settings(max_examples=examples(500))
@given(count=st.integers(3, 6), per_s=st.sampled_from([1.0, 10.0, 60.0]), asks=ASKS)
def test_over_any_span_no_more_than_the_cap_is_granted(count, per_s, asks) -> None:
    ledger, now_s, key = CapLedger(), 1_000.0, 0
    granted: list[tuple[float, int]] = []
    paid: dict[tuple[str, int], float] = {}
    for after_s, service, cost, again in asks:
        now_s += after_s
        key += not again
        said = ledger.reserve("cap", service, str(key), cost, count, per_s, now_s)
        since_s = now_s - paid.get((service, key), float("-inf"))
        if said.granted and since_s >= per_s:
            granted.append((now_s, cost))
            paid[service, key] = now_s
        in_span = sum(c for at_s, c in granted if at_s > now_s - per_s)
        assert in_span <= count
        assert said.used == in_span
        assert said.granted or in_span + cost > count
        assert 0.0 < said.free_in_s <= per_s


@given(cost=st.integers(1, 3))
def test_what_was_refused_is_granted_when_it_said_it_would_be(cost: int) -> None:
    ledger = CapLedger()
    for second in range(3):
        ledger.reserve("cap", "a", str(second), 1, 3, 60.0, float(second))
    refused = ledger.reserve("cap", "b", "x", cost, 3, 60.0, 2.0)
    assert not refused.granted
    before_s, then_s = refused.free_in_s + 1.5, refused.free_in_s + 2.0
    assert not ledger.reserve("cap", "b", "x", cost, 3, 60.0, before_s).granted
    assert ledger.reserve("cap", "b", "x", cost, 3, 60.0, then_s).granted


def test_a_key_is_granted_once_and_counted_once(store, service):
    first = store.reserve(service, "a", "k", 2, 3, HOUR_S)
    again = store.reserve(service, "a", "k", 2, 3, HOUR_S)
    assert (first.granted, first.used, again.granted, again.used) == (True, 2, True, 2)
    other = store.reserve(service, "b", "k", 2, 3, HOUR_S)
    assert (other.granted, other.used) == (False, 2)
    assert 0.0 < other.free_in_s <= HOUR_S
    assert store.reserve(service, "b", "small", 1, 3, HOUR_S).granted


def test_caps_of_other_names_are_others(store, service):
    assert store.reserve(service, "a", "k", 1, 1, HOUR_S).granted
    assert store.reserve(f"{service}-too", "a", "k", 1, 1, HOUR_S).granted


def test_who_names_a_shorter_span_does_not_forget_for_the_others(store, service):
    assert store.reserve(service, "a", "k", 1, 1, HOUR_S).granted
    time.sleep(0.03)
    assert store.reserve(service, "b", "k", 1, 1, 0.02).granted
    assert store.reserve(service, "a", "again", 1, 3, HOUR_S).used == 3


def test_what_can_never_be_granted_is_a_mistake_of_the_caller(store, service):
    for cost in (0, 4):
        with pytest.raises(ValueError, match="accepted: 1 to 3"):
            store.reserve(service, "a", "k", cost, 3, HOUR_S)


def test_a_store_that_is_away_says_so() -> None:
    store = MemoryPlanStore(MemoryClock())
    store.down = True
    with pytest.raises(Unavailable):
        store.reserve("cap", "a", "k", 1, 3, HOUR_S)
    with pytest.raises(Unavailable):
        RedisPlanStore("redis://127.0.0.1:1/0", None, "a").reserve("cap", "a", "k", 1, 3, HOUR_S)


def test_a_dry_run_reserves_nothing_in_the_real_store(store, service):
    dry = DryRunStore(store, WallClock())
    assert dry.reserve(service, "a", "k", 1, 1, HOUR_S).granted
    assert not dry.reserve(service, "a", "more", 1, 1, HOUR_S).granted
    assert store.reserve(service, "a", "k", 1, 1, HOUR_S).used == 1


@pytest.mark.live
def test_services_that_ask_at_once_get_the_cap_together_and_no_more(redis_server, service):
    names = [f"{service}-{letter}" for letter in "abcd"]
    stores = [RedisPlanStore(redis_server.url, redis_server.password, name) for name in names]

    def ask(number: int) -> bool:
        place = number % len(names)
        key = str(number)
        return stores[place].reserve(service, names[place], key, 1, 30, HOUR_S).granted

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(ask, range(200))) == 30
    for each in stores:
        each.close()
