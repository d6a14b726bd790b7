"""How every Kafka client here is opened: patiently, and leaving nothing behind when it fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from kafka.net.compat import KafkaNetClient

Client = TypeVar("Client")

BOOTSTRAP_TIMEOUT_MS = 5_000
CLIENT_OPTIONS: dict[str, Any] = {
    "request_timeout_ms": 5_000,
    "reconnect_backoff_ms": 50,
    "reconnect_backoff_max_ms": 500,
    "bootstrap_timeout_ms": BOOTSTRAP_TIMEOUT_MS,
}
"""Find a broker that is back soon, at any length of its absence."""


def open_client(make: Callable[..., Client], bootstrap: str, **options: Any) -> Client:
    """Make a client; ``options`` win over ours. Raise KafkaError when the broker does not answer.

    kafka-python starts a thread before it asks the broker, and leaves it and its sockets behind
    when the broker takes the connection and then says nothing: so we keep hold of them.
    """
    begun: list[KafkaNetClient] = []

    def begin(**configuration: Any) -> KafkaNetClient:
        begun.append(KafkaNetClient(**configuration))
        return begun[-1]

    try:
        return make(
            bootstrap_servers=bootstrap.split(","),
            kafka_client=begin,
            **(CLIENT_OPTIONS | options),
        )
    except BaseException:
        for client in begun:
            client.close()
        raise
