"""One broker and one Redis for the whole session; tests keep apart by topic and service names."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from controller.adapters.kafka_bus import KafkaBusReader, KafkaBusWriter
from controller.adapters.memory_bus import MemoryBus
from controller.adapters.memory_store import MemoryPlanStore
from controller.adapters.redis_store import RedisPlanStore
from controller.adapters.wall_clock import WallClock
from controller.errors import Unavailable
from controller.ports import BusReader, BusWriter, PlanStore
from selfright.stack.apache_kafka import ApacheKafka, fetch_jars, what_is_missing
from selfright.stack.broker import EmbeddedBroker
from selfright.stack.redis_server import EmbeddedRedis
from simulator.kernel import Kernel
from simulator.virtual.waiting_reader import WaitingReader
from tests.adapters.polling import wait_until

_numbers = itertools.count()


@pytest.fixture(scope="session")
def embedded_broker(tmp_path_factory) -> Iterator[EmbeddedBroker]:
    broker = EmbeddedBroker(tmp_path_factory.mktemp("broker"))
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture(scope="session")
def apache_broker(tmp_path_factory) -> Iterator[ApacheKafka]:
    missing = what_is_missing()
    if missing:
        pytest.skip(f"no Apache Kafka: {missing}")
    try:
        fetch_jars()
    except Unavailable as error:
        pytest.skip(f"no Apache Kafka: {error}")
    broker = ApacheKafka(tmp_path_factory.mktemp("apache"))
    try:
        broker.start()
        yield broker
    finally:
        broker.stop()


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory) -> Iterator[EmbeddedRedis]:
    server = EmbeddedRedis(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


class Bus(Protocol):
    """What a contract test needs of a bus: clients of two-partition topics."""

    def writer(self) -> BusWriter: ...

    def reader(self, partitions, positions=None) -> BusReader: ...


class _VirtualBus(MemoryBus):
    """The simulator's: whoever polls waits in virtual time."""

    def reader(self, partitions, positions=None) -> BusReader:
        return WaitingReader(super().reader(partitions, positions), Kernel(0.0))


class _KafkaBus:
    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._open: list[BusWriter | BusReader] = []

    def writer(self) -> BusWriter:
        return self._keep(KafkaBusWriter(self._bootstrap))

    def reader(self, partitions, positions=None) -> BusReader:
        reader = KafkaBusReader(self._bootstrap, partitions, positions, topic_partitions=2)
        wait_until(reader.is_up, "the topics to be there")
        return self._keep(reader)

    def _keep(self, client):
        self._open.append(client)
        return client

    def close(self) -> None:
        for client in self._open:
            client.close()


_IN_MEMORY = {
    "memory": lambda: MemoryBus(partitions=2),
    "virtual": lambda: _VirtualBus(partitions=2),
}


@pytest.fixture(
    params=[
        "memory",
        "virtual",
        pytest.param("embedded_broker", marks=pytest.mark.live),
        pytest.param("apache_broker", marks=pytest.mark.live),
    ]
)
def bus(request) -> Iterator[Bus]:
    if request.param in _IN_MEMORY:
        yield _IN_MEMORY[request.param]()
        return
    bus = _KafkaBus(request.getfixturevalue(request.param).bootstrap)
    yield bus
    bus.close()


@pytest.fixture
def topic() -> str:
    return f"selfright.test.{next(_numbers)}"


@pytest.fixture
def service() -> str:
    return f"service-{next(_numbers)}"


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.live)])
def store(request, service) -> Iterator[PlanStore]:
    if request.param == "memory":
        yield MemoryPlanStore(WallClock())
        return
    server = request.getfixturevalue("redis_server")
    redis_store = RedisPlanStore(server.url, server.password, service)
    yield redis_store
    redis_store.close()


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    """A Redis of the test's own, to kill."""
    server = EmbeddedRedis(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[EmbeddedBroker]:
    """A broker of the test's own, to kill."""
    broker = EmbeddedBroker(tmp_path)
    broker.start()
    yield broker
    broker.stop()
