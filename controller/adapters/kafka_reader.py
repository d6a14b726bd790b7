"""Reads assigned partitions of a Kafka broker, and notices a broker that is no longer the same."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

from kafka import KafkaConsumer, TopicPartition

from controller.adapters.kafka_client import open_client
from controller.adapters.kafka_topics import (
    KAFKA_ERRORS,
    TopicWatch,
    prepare_client,
)
from controller.ports import BusReader, Message, Partition, Position

LOG = logging.getLogger(__name__)

FETCH_MAX_WAIT_MS = 50
FETCH_MAX_BYTES = 20_000_000


class KafkaBusReader(BusReader):
    """Starts each partition from its position when the topic is still the same, else from 0.

    ``recycled`` counts the partitions whose topic turned out to be another one. ``poll`` never
    raises for the broker's state: it gives nothing, and ``is_up`` says so.
    """

    def __init__(
        self,
        bootstrap: str,
        partitions: Sequence[Partition],
        positions: Mapping[Partition, Position] | None = None,
        *,
        topic_partitions: int = 1,
    ) -> None:
        """``topic_partitions``: how many a topic gets that has to be created."""
        prepare_client()
        self.recycled = 0
        self._bootstrap = bootstrap
        given = positions or {}
        self._positions = {
            partition: given.get(partition, Position("", 0)) for partition in partitions
        }
        topics = sorted({topic for topic, _ in partitions})
        self._watch = TopicWatch(bootstrap, topics, topic_partitions)
        self._consumer: KafkaConsumer | None = None

    def poll(self, timeout_s: float, limit: int) -> Sequence[Message]:
        """Messages in order per partition, as soon as there is one; see the class."""
        deadline_s = time.monotonic() + timeout_s
        if not self._positions or not self._watch.wait_first(timeout_s):
            return ()
        try:
            self._follow_topic_ids()
            if not self._watch.is_up():
                # A client that is left alone finds its broker again; asked, it would spin.
                time.sleep(max(0.0, min(0.05, deadline_s - time.monotonic())))
                return ()
            return self._fetch(max(0.0, deadline_s - time.monotonic()), limit)
        except KAFKA_ERRORS as error:
            LOG.warning("bus reader: %s: %s", type(error).__name__, error)
            self._drop_consumer()
            return ()

    def positions(self) -> Mapping[Partition, Position]:
        return dict(self._positions)

    def is_up(self) -> bool:
        return self._watch.is_up()

    def close(self) -> None:
        self._drop_consumer()
        self._watch.close()

    def _follow_topic_ids(self) -> None:
        """Start over every partition whose topic is another than the one it was read from."""
        ids = self._watch.ids()
        moved = False
        for partition, position in self._positions.items():
            topic_id = ids.get(partition[0])
            if topic_id is None or topic_id == position.topic_id:
                continue
            if position.topic_id:
                self.recycled += 1
                LOG.warning("topic %s is another one: partition %d from 0", *partition)
            self._positions[partition] = Position(topic_id, 0)
            moved = True
        if moved:
            self._drop_consumer()

    def _fetch(self, timeout_s: float, limit: int) -> Sequence[Message]:
        if self._consumer is None:
            self._consumer = self._assigned_consumer()
        batches = self._consumer.poll(timeout_ms=int(timeout_s * 1000), max_records=limit)
        return [self._message(record) for records in batches.values() for record in records]

    def _message(self, record: Any) -> Message:
        partition = (record.topic, record.partition)
        position = self._positions[partition]
        if record.offset > position.offset:
            LOG.debug("%s/%d: %d to %d are gone", *partition, position.offset, record.offset)
        self._positions[partition] = Position(position.topic_id, record.offset + 1)
        return Message(
            record.topic,
            record.partition,
            record.offset,
            position.topic_id,
            record.value or b"",
            {name: value.decode("utf-8", "replace") for name, value in record.headers},
            record.key,
        )

    def _assigned_consumer(self) -> KafkaConsumer:
        consumer = open_client(
            KafkaConsumer,
            self._bootstrap,
            group_id=None,
            enable_auto_commit=False,
            # Where retention has removed what we were to read, go on with the oldest there is.
            auto_offset_reset="earliest",
            fetch_max_wait_ms=FETCH_MAX_WAIT_MS,
            fetch_max_bytes=FETCH_MAX_BYTES,
            allow_auto_create_topics=False,
        )
        consumer.assign([TopicPartition(*partition) for partition in self._positions])
        for partition, position in self._positions.items():
            consumer.seek(TopicPartition(*partition), position.offset)
        return consumer

    def _drop_consumer(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            consumer.close(autocommit=False, timeout_ms=500)
