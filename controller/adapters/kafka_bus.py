"""The Kafka bus, by one name: writer, reader and the creation of topics."""

from __future__ import annotations

from controller.adapters.kafka_reader import KafkaBusReader
from controller.adapters.kafka_topics import ensure_topics
from controller.adapters.kafka_writer import KafkaBusWriter

__all__ = ["KafkaBusReader", "KafkaBusWriter", "ensure_topics"]
