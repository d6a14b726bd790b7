"""The driver against a small real HTTP server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from simulator.live.driver import Driver, Load
from simulator.live.wire import checked
from simulator.population import Population
from simulator.population.crowd import Crowd

SEGMENTS = {"platform": ("ios", "android", "web")}
K = 5


def _crowd(population: Population) -> Crowd:
    return Crowd(population, 3, SEGMENTS)


def _drive(service: Any, crowd: Crowd, load: Load, timeout_s: float = 5.0) -> Driver:
    async def drive() -> Driver:
        async with service.running(timeout_s) as client:
            driver = Driver(crowd, client, load)
            await driver.run()
            return driver

    return asyncio.run(drive())


def test_every_intended_request_is_sent_and_recorded_once(
    population: Population, small_service: Any
) -> None:
    service = small_service(population)
    driver = _drive(service, _crowd(population), Load(100.0, 2.0, slate_size=K))
    offsets = [v.offset_s for v, _ in zip(_crowd(population).visits(100.0), range(400))]  # noqa: B905
    intended = sum(offset < 2.0 for offset in offsets)
    assert len(service.asked) == intended
    assert sorted(e.number for e in driver.exchanges) == list(range(intended))
    assert all(e.valid and e.sent and e.served_by == "primary" for e in driver.exchanges)
    assert {body["k"] for body in service.asked} == {K}
    assert {body["segments"]["platform"] for body in service.asked} == set(SEGMENTS["platform"])
    assert {body["user_id"] for body in service.asked} <= set(population.user_ids)


def test_the_same_seed_asks_for_the_same_users_in_the_same_order(
    population: Population, small_service: Any
) -> None:
    asked = []
    for _ in range(2):
        service = small_service(population)
        _drive(service, _crowd(population), Load(100.0, 0.5, slate_size=K))
        asked.append(sorted((b["user_id"], str(b["segments"])) for b in service.asked))
    assert asked[0] == asked[1]


def test_clicks_are_fed_back_with_the_token_of_their_slate(
    population: Population, small_service: Any
) -> None:
    service = small_service(population)
    driver = _drive(service, _crowd(population), Load(150.0, 2.0, slate_size=K))
    clicked = [e for e in driver.exchanges if e.clicks]
    assert clicked, "some of 300 slates are clicked"
    assert len(service.fed) == len(clicked) == driver.feedback_sent
    assert not driver.feedback_problems
    tokens = [body["token"] for body in service.fed]
    assert len(set(tokens)) == len(tokens)
    assert set(tokens) <= set(service.tokens)
    assert sum(len(body["clicked_positions"]) for body in service.fed) == sum(
        e.clicks for e in clicked
    )
    for body in service.fed:
        assert body["clicked_positions"]
        assert set(body["clicked_positions"]) <= set(body["viewed_positions"]) <= set(range(K))


def test_latency_counts_from_the_intended_start_when_the_service_stalls(
    population: Population, small_service: Any
) -> None:
    stalled_s = 0.3
    service = small_service(population, lambda n: stalled_s)
    driver = _drive(service, _crowd(population), Load(50.0, 1.0, slate_size=K))
    assert all(e.valid for e in driver.exchanges)
    for exchange in driver.exchanges:
        assert exchange.latency_ms is not None
        assert exchange.service_ms is not None
        assert exchange.latency_ms >= exchange.service_ms >= stalled_s * 1e3 - 5


def test_a_driver_that_is_held_up_does_not_hide_it(
    population: Population, small_service: Any
) -> None:
    service = small_service(population)

    async def drive() -> Driver:
        async with service.running() as client:
            driver = Driver(_crowd(population), client, Load(100.0, 1.0, slate_size=K))
            run = asyncio.ensure_future(driver.run())
            await asyncio.sleep(0.3)
            block_event_loop(0.4)
            await run
            return driver

    driver = asyncio.run(drive())
    waited = [(e.latency_ms or 0) - (e.service_ms or 0) for e in driver.exchanges]
    assert max(waited) > 300, "requests meant to start during the hold-up count their wait"
    assert len(driver.exchanges) == len(service.asked), "and are sent all the same"


def block_event_loop(for_s: float) -> None:
    import time

    time.sleep(for_s)


def test_what_exceeds_the_in_flight_limit_is_counted_as_not_sent(
    population: Population, small_service: Any
) -> None:
    service = small_service(population, lambda n: 0.5)
    load = Load(100.0, 1.0, slate_size=K, in_flight_max=4)
    driver = _drive(service, _crowd(population), load)
    sent = [e for e in driver.exchanges if e.sent]
    lost = [e for e in driver.exchanges if not e.sent]
    assert len(sent) == len(service.asked)
    assert lost
    assert sorted(e.number for e in driver.exchanges) == list(range(len(driver.exchanges)))
    assert all(e.latency_ms is None and not e.valid for e in lost)
    assert all(e.valid for e in sent)


def test_a_timeout_and_an_error_status_count_against_availability(
    population: Population, small_service: Any
) -> None:
    service = small_service(population, lambda n: (3.0, 503, None)[n % 3])
    driver = _drive(service, _crowd(population), Load(60.0, 1.0, slate_size=K), timeout_s=0.5)
    problems = {e.problem for e in driver.exchanges}
    assert problems == {"", "timeout", "status 503"}
    late = [e for e in driver.exchanges if e.problem == "timeout"]
    assert all(e.latency_ms is not None and e.latency_ms >= 495 for e in late)
    assert not any(e.valid or e.clicks for e in driver.exchanges if e.problem)


def test_a_service_that_is_not_there_is_a_problem_not_an_exception(
    population: Population, small_service: Any
) -> None:
    service = small_service(population)

    async def drive() -> Driver:
        async with service.running() as client:
            client._base_url = "http://127.0.0.1:1"
            driver = Driver(_crowd(population), client, Load(50.0, 0.3, slate_size=K))
            await driver.run()
            return driver

    driver = asyncio.run(drive())
    assert driver.exchanges
    assert {e.problem for e in driver.exchanges} == {"connection: ClientConnectorError"}


ITEMS = [{"item_id": f"i{n}"} for n in range(K)]
KNOWN = {f"i{n}" for n in range(20)}


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({"items": ITEMS, "token": "t"}, ""),
        ({"items": ITEMS[:-1], "token": "t"}, "4 items, not 5"),
        ({"items": [*ITEMS, {"item_id": "i9"}], "token": "t"}, "6 items, not 5"),
        ({"items": [*ITEMS[:-1], ITEMS[0]], "token": "t"}, "an item twice"),
        ({"items": [*ITEMS[:-1], {"item_id": "z"}], "token": "t"}, "an unknown item"),
        ({"items": [*ITEMS[:-1], "i9"], "token": "t"}, "an item without an id"),
        ({"items": ITEMS, "token": ""}, "no token"),
        ({"items": ITEMS}, "no token"),
        ({"items": "i1"}, "no items"),
        ([], "no items"),
    ],
)
def test_a_slate_is_k_distinct_known_items_and_a_token(document: Any, problem: str) -> None:
    assert checked(document, K, KNOWN).problem == problem
