"""What arms are served: values with their age, or defaults that say so. Never an exception."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from serving.features import READ_TIMEOUT_S, FeatureReader, ServedFeatures

NOW_S = 1_800_000_000.0
PREFIX = "selfright:svc:f:"


class MemoryStore:
    """Keys and values; ``fail`` is awaited before each answer."""

    def __init__(self, values: dict[str, str]) -> None:
        self.values = {PREFIX + key: value.encode() for key, value in values.items()}
        self.fail: Callable[[], Coroutine[Any, Any, None]] | None = None
        self.calls = 0

    async def get(self, name: str) -> bytes | None:
        self.calls += 1
        if self.fail is not None:
            await self.fail()
        return self.values.get(name)

    async def mget(self, keys: list[str]) -> list[bytes | None]:
        if self.fail is not None:
            await self.fail()
        return [self.values.get(key) for key in keys]


def store(**changes: str | None) -> MemoryStore:
    complete = {"user_recent": NOW_S - 2.0, "item_hour": NOW_S - 3.0}
    values = {
        "watermark": json.dumps(complete),
        "item_hour": json.dumps([NOW_S - 3.0, {"i1": 4}]),
        "user_recent:7": json.dumps(["i2", "i1"]),
    } | changes
    return MemoryStore({key: value for key, value in values.items() if value is not None})


def reader(of: MemoryStore) -> FeatureReader:
    return FeatureReader(of, "svc", now_s=lambda: NOW_S)


def served(of: MemoryStore, user_id: int = 7) -> ServedFeatures:
    async def go() -> ServedFeatures:
        one = reader(of)
        await one.refresh()
        return await one.read(user_id)

    return asyncio.run(go())


def test_values_come_with_the_age_of_the_pipeline() -> None:
    features = served(store())
    assert features.values.recent_items == ("i2", "i1")
    assert dict(features.values.item_counts_1h) == {"i1": 4.0}
    assert features.ages_s == {"user_recent": 2.0, "item_hour": 3.0}
    assert features.defaulted == ()


def test_a_user_who_never_clicked_is_fresh_and_empty() -> None:
    features = served(store(), user_id=8)
    assert features.values.recent_items == ()
    assert features.ages_s["user_recent"] == 2.0
    assert features.defaulted == ()


def test_what_holds_nothing_is_not_found_and_what_could_not_be_read_is_defaulted() -> None:
    assert served(store()).not_found == ()
    assert served(store(), 8).not_found == ("user_recent",)
    none_clicked = store(item_hour=json.dumps([NOW_S - 3.0, {}]))
    assert served(none_clicked).not_found == ("item_hour",)
    assert served(store(watermark=None, item_hour=None), 8).not_found == ()


def test_an_empty_store_gives_defaults_without_an_age() -> None:
    features = served(MemoryStore({}))
    assert features.defaulted == ("user_recent", "item_hour")
    assert features.ages_s == {}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("watermark", "{"),
        ("watermark", "[1]"),
        ("item_hour", "3"),
        ("item_hour", '[1, {"i1": "many"}]'),
        ("item_hour", '[1, {"i1": null}]'),
        ("user_recent:7", "{"),
        ("user_recent:7", '"text"'),
    ],
)
def test_garbage_gives_defaults(key: str, value: str) -> None:
    features = served(store(**{key: value}))
    assert "user_recent" in features.defaulted


def test_a_store_that_is_gone_gives_defaults_but_keeps_the_counters_it_has() -> None:
    async def gone() -> None:
        raise RedisConnectionError("gone")

    async def go() -> tuple[ServedFeatures, bool, int]:
        here = store()
        one = reader(here)
        await one.refresh()
        here.fail = gone
        assert not await one.refresh()
        features = await one.read(7)
        calls = here.calls
        await one.read(7)
        return features, here.calls == calls, one.failed_reads

    features, rested, failed = asyncio.run(go())
    assert features.values.recent_items == ()
    assert dict(features.values.item_counts_1h) == {"i1": 4.0}
    assert features.defaulted == ("user_recent",)
    assert features.ages_s == {"item_hour": 3.0}
    assert rested
    assert failed == 2


def test_a_store_that_hangs_costs_one_timeout() -> None:
    async def hang() -> None:
        await asyncio.sleep(600.0)

    async def go() -> ServedFeatures:
        here = store()
        one = reader(here)
        await one.refresh()
        here.fail = hang
        return await one.read(7)

    assert READ_TIMEOUT_S < 0.1
    assert asyncio.run(go()).defaulted == ("user_recent",)


def test_counters_are_one_object_until_the_next_refresh() -> None:
    async def go() -> tuple[bool, bool]:
        one = reader(store())
        await one.refresh()
        first = (await one.read(7)).values.item_counts_1h
        same = (await one.read(8)).values.item_counts_1h is first
        await one.refresh()
        return same, (await one.read(7)).values.item_counts_1h is first

    assert asyncio.run(go()) == (True, False)


def test_the_background_refreshes_until_closed() -> None:
    async def go() -> tuple[str, ...]:
        one = reader(store())
        one.start()
        while (await one.read(7)).defaulted:
            await asyncio.sleep(0.01)
        await one.close()
        return (await one.read(7)).defaulted

    assert asyncio.run(asyncio.wait_for(go(), 60.0)) == ()
