"""Sends records to the leaders of their partitions, one request at a time, in the caller's thread.

kafka-python's producer is made for many messages a second: at a few, its thread, futures and
selector cost three times as much CPU a message as this does. Requests and records are encoded by
kafka-python's own classes; those of one partition differ in nothing but their records.
"""

from __future__ import annotations

import random
import socket
import struct
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from kafka.errors import (
    KafkaConnectionError,
    KafkaProtocolError,
    UnknownTopicOrPartitionError,
    for_code,
)
from kafka.partitioner.default import murmur2
from kafka.protocol.metadata import MetadataRequest, MetadataResponse
from kafka.protocol.producer import ProduceRequest
from kafka.record.memory_records import MemoryRecordsBuilder

from controller.adapters.kafka_topics import KAFKA_ERRORS, PROBE_TIMEOUT_S, addresses

PRODUCE_VERSION = 5
METADATA_VERSION = 5
"""Both are spoken by brokers from 1.0 on."""
METADATA_LIFE_S = 300.0
MOST_ANSWER_BYTES = 16_000_000
HEADROOM_BYTES = 4_096
ALL_IN_SYNC = -1
CLIENT_ID = "selfright"
_MAGIC = 2
_NO_COMPRESSION = 0
_INT = struct.Struct(">i")
_SHORT = struct.Struct(">h")
Address = tuple[str, int]
_TopicData = ProduceRequest.TopicProduceData
_PartitionData = _TopicData.PartitionProduceData


@dataclass(frozen=True, slots=True)
class Record:
    """One message and where it goes: to ``partition``, else to that of its ``key``, else any."""

    topic: str
    value: bytes
    headers: Sequence[tuple[str, bytes]]
    partition: int | None
    key: bytes | None

    def size_bytes(self) -> int:
        """At most, as it travels."""
        texts = sum(len(name) + len(text) + 8 for name, text in self.headers)
        return len(self.value) + len(self.key or b"") + texts + 64


class KafkaSender:
    """One thread uses it; `abort` may be called from another."""

    def __init__(self, bootstrap: str, timeout_s: float) -> None:
        self._bootstrap = addresses(bootstrap)
        self._timeout_s = timeout_s
        self._connections: dict[Address, _Connection] = {}
        self._leaders: dict[str, tuple[float, Mapping[int, Address]]] = {}
        """By topic: when to ask again (monotonic), and who leads its partitions."""

    def send(self, records: Sequence[Record]) -> None:
        """All to where the first goes; returns when every replica in sync has them.

        Raise OSError or KafkaError when that is not known: they may have arrived.
        """
        try:
            self._send(records)
        except KAFKA_ERRORS:
            self.abort()
            self._connections, self._leaders = {}, {}
            raise

    def abort(self) -> None:
        """End all connections: a `send` under way fails at once."""
        for connection in list(self._connections.values()):
            connection.close()

    def _send(self, records: Sequence[Record]) -> None:
        topic = records[0].topic
        leaders = self._leaders_of(topic)
        partition = _partition(records[0], sorted(leaders))
        if partition not in leaders:
            raise UnknownTopicOrPartitionError(f"{topic}/{partition} has no leader")
        encoded = _encoded(records)
        head = _produce_head(topic, partition, int(self._timeout_s * 1000))
        answer = self._ask(leaders[partition], b"".join((head, _INT.pack(len(encoded)), encoded)))
        _raise_for(_error_code(answer, topic), topic)

    def _leaders_of(self, topic: str) -> Mapping[int, Address]:
        until_s, leaders = self._leaders.get(topic, (0.0, {}))
        if time.monotonic() >= until_s:
            leaders = self._find_leaders(topic)
            self._leaders[topic] = (time.monotonic() + METADATA_LIFE_S, leaders)
        return leaders

    def _find_leaders(self, topic: str) -> Mapping[int, Address]:
        request = MetadataRequest[METADATA_VERSION](
            topics=[MetadataRequest.MetadataRequestTopic(name=topic)],
            allow_auto_topic_creation=False,
        )
        answer = _decoded(self._ask_any(_head(request)))
        brokers = {broker.node_id: (broker.host, broker.port) for broker in answer.brokers}
        (told,) = answer.topics
        _raise_for(told.error_code, topic)
        return {
            partition.partition_index: brokers[partition.leader_id]
            for partition in told.partitions
            if partition.leader_id in brokers
        }

    def _ask_any(self, request: bytes) -> bytes:
        for address in self._bootstrap[:-1]:
            try:
                return self._ask(address, request)
            except OSError:
                continue
        return self._ask(self._bootstrap[-1], request)

    def _ask(self, address: Address, request: bytes) -> bytes:
        connection = self._connections.get(address)
        if connection is None:
            connection = self._connections[address] = _Connection(address, self._timeout_s)
        return connection.ask(request)


class _Connection:
    """A blocking conversation with one broker."""

    def __init__(self, address: Address, timeout_s: float) -> None:
        self._socket = socket.create_connection(address, timeout=PROBE_TIMEOUT_S)
        self._socket.settimeout(timeout_s)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request: bytes) -> bytes:
        """One at a time, so that every answer is that to the last request."""
        self._socket.sendall(_INT.pack(len(request)) + request)
        (size,) = _INT.unpack(self._read(_INT.size))
        if not 0 < size <= MOST_ANSWER_BYTES:
            raise KafkaProtocolError(f"an answer of {size} bytes")
        return self._read(size)

    def _read(self, size: int) -> bytes:
        read = b""
        while len(read) < size:
            more = self._socket.recv(size - len(read))
            if not more:
                raise KafkaConnectionError("the broker ended the connection")
            read += more
        return read

    def close(self) -> None:
        try:
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes whoever waits for an answer
        except OSError:
            return  # it had ended already
        finally:
            self._socket.close()


def _partition(record: Record, partitions: Sequence[int]) -> int:
    if record.partition is not None:
        return record.partition
    if not partitions:
        raise UnknownTopicOrPartitionError(f"{record.topic} has no partition with a leader")
    if record.key is None:
        return random.choice(partitions)
    place: int = (murmur2(record.key) & 0x7FFFFFFF) % len(partitions)
    return partitions[place]


def _encoded(records: Sequence[Record]) -> bytes:
    size = sum(record.size_bytes() for record in records)
    builder = MemoryRecordsBuilder(_MAGIC, _NO_COMPRESSION, size + HEADROOM_BYTES)
    now_ms = int(time.time() * 1000)
    for record in records:
        builder.append(now_ms, record.key, record.value, record.headers)
    builder.close()
    return builder.buffer()  # type: ignore[no-any-return]


def _head(request: Any) -> bytes:
    request.with_header(correlation_id=0, client_id=CLIENT_ID)
    return request.encode(header=True)  # type: ignore[no-any-return]


@lru_cache(maxsize=256)
def _produce_head(topic: str, partition: int, timeout_ms: int) -> bytes:
    """All of a produce request up to its records, which are its end."""
    nothing = _PartitionData(index=partition, records=b"")
    request = ProduceRequest[PRODUCE_VERSION](
        transactional_id=None,
        acks=ALL_IN_SYNC,
        timeout_ms=timeout_ms,
        topic_data=[_TopicData(name=topic, partition_data=[nothing])],
    )
    return _head(request)[: -_INT.size]


def _error_code(answer: bytes, topic: str) -> int:
    """Of the one partition a produce answer tells of: correlation id (4 bytes), number of topics
    (4), name (2 and its length), number of partitions (4), partition (4), error code (2)."""
    try:
        return int(_SHORT.unpack_from(answer, 18 + len(topic.encode()))[0])
    except struct.error as error:
        raise KafkaProtocolError(f"an answer of {len(answer)} bytes") from error


def _decoded(answer: bytes) -> Any:
    try:
        return MetadataResponse[METADATA_VERSION].decode(answer, header=True)
    except (ValueError, IndexError, struct.error) as error:
        raise KafkaProtocolError(f"an answer nobody can read: {error}") from error


def _raise_for(code: int, topic: str) -> None:
    if code:
        raise for_code(code)(topic)
