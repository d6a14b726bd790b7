"""Topics on a Kafka broker: that they exist, and whether they are still the same ones.

A broker that came back empty answers as if nothing had happened. Only the topic ids tell.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Mapping, Sequence

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from kafka.record import util as kafka_checksums

from controller.adapters.kafka_client import open_client
from controller.errors import BadInput, Unavailable
from controller.ports import Position
from controller.telemetry.schema import DEAD_LETTER_SUFFIX, TALLY, TOPICS

LOG = logging.getLogger(__name__)

KAFKA_ERRORS: tuple[type[Exception], ...] = (KafkaError, OSError)
"""What a call to the client may raise when the broker is gone or says no."""
ALL_TOPICS = (*TOPICS, TALLY, *(topic + DEAD_LETTER_SUFFIX for topic in TOPICS))
PROBE_TIMEOUT_S = 1.0
RECONNECT_S = 0.2


def addresses(bootstrap: str) -> list[tuple[str, int]]:
    """``host:port[,host:port]`` as pairs. Raise BadInput on anything else."""
    pairs = []
    for part in bootstrap.split(","):
        host, _, port = part.strip().rpartition(":")
        if not host or not port.isdigit() or not 0 < int(port) < 65_536:
            raise BadInput(
                f"not a Kafka address: {part!r}; accepted: HOST:PORT[,HOST:PORT]",
                field="endpoints.kafka",
            )
        pairs.append((host.strip("[]"), int(port)))
    return pairs


def is_reachable(bootstrap: str) -> bool:
    """Whether any address takes a connection: clients built against none leak their threads."""
    for address in addresses(bootstrap):
        try:
            with socket.create_connection(address, timeout=PROBE_TIMEOUT_S):
                return True
        except OSError:
            continue
    return False


def prepare_client() -> None:
    """Check the client and quiet it: at each reconnect it writes a dozen errors, we write one line.

    Raise BadInput without the crc32c package: batches would take 10 times as long.
    """
    if kafka_checksums.crc32c_c is None:
        raise BadInput("the crc32c package is missing or broken; install it: pip install crc32c")
    client_log = logging.getLogger("kafka")
    if client_log.level == logging.NOTSET:
        client_log.setLevel(logging.CRITICAL)


def ensure_topics(bootstrap: str, partitions: int, timeout_s: float = 10.0) -> None:
    """Create every topic we use that is not there, with its partitions; wait until they answer.

    Dead-letter topics have one partition. Raise Unavailable after ``timeout_s`` without a broker,
    BadInput when a topic has fewer partitions than asked.
    """
    prepare_client()
    deadline_s = time.monotonic() + timeout_s
    while True:
        try:
            if not is_reachable(bootstrap):
                raise Unavailable(f"no Kafka broker answers at {bootstrap}")
            with _admin(bootstrap) as admin:
                create_missing(admin, ALL_TOPICS, partitions)
            return
        except (KafkaError, OSError, Unavailable) as error:
            if time.monotonic() >= deadline_s:
                raise Unavailable(f"Kafka at {bootstrap}: {error}") from error
            time.sleep(0.1)


def create_missing(admin: KafkaAdminClient, topics: Sequence[str], partitions: int) -> None:
    """Create those of ``topics`` that are not there. Raise KafkaError, or BadInput as above."""
    counts = {
        topic["name"]: len(topic["partitions"])
        for topic in admin.describe_topics(list(topics))
        if topic["error_code"] == 0
    }
    missing = {}
    for topic in topics:
        wanted = 1 if topic.endswith(DEAD_LETTER_SUFFIX) else partitions
        if topic not in counts:
            missing[topic] = {"num_partitions": wanted, "replication_factor": -1}
        elif counts[topic] < wanted:
            raise BadInput(
                f"topic {topic} has {counts[topic]} partitions, the settings ask for {wanted}; "
                "add partitions to the topic or lower the setting",
                field="partitions",
            )
    if missing:
        # Two of us may create at once: the second is told "exists already", and is content.
        admin.create_topics(missing, raise_errors=False)
        admin.wait_for_topics(list(missing), timeout_ms=5_000)


def _admin(bootstrap: str) -> KafkaAdminClient:
    return open_client(KafkaAdminClient, bootstrap)


def end_of(bootstrap: str, partition: tuple[str, int]) -> Position:
    """Where the next message of a partition will be. Raise Unavailable without a broker."""
    prepare_client()
    topic, number = partition
    try:
        if not is_reachable(bootstrap):
            raise Unavailable(f"no Kafka broker answers at {bootstrap}")
        with _admin(bootstrap) as admin:
            (told,) = admin.describe_topics([topic])
        consumer = open_client(KafkaConsumer, bootstrap)
        try:
            place = TopicPartition(topic, number)
            return Position(str(told["topic_id"]), int(consumer.end_offsets([place])[place]))
        finally:
            consumer.close(autocommit=False)
    except KAFKA_ERRORS as error:
        raise Unavailable(f"Kafka at {bootstrap}: {error}") from error


class TopicWatch:
    """A thread that asks for the topic ids every ``interval_s`` and re-creates missing topics.

    It keeps the asking out of whoever reads or writes, so a broker that hangs blocks nobody.
    """

    def __init__(
        self, bootstrap: str, topics: Sequence[str], partitions: int, interval_s: float = 0.5
    ) -> None:
        addresses(bootstrap)
        self._bootstrap = bootstrap
        self._topics = tuple(topics)
        self._partitions = partitions
        self._interval_s = interval_s
        self._ids: Mapping[str, str] = {}
        self._is_up = False
        self._changed = threading.Event()
        self._stopping = threading.Event()
        self._hurried = threading.Event()
        self._thread = threading.Thread(target=self._run, name="topic-watch", daemon=True)
        self._thread.start()

    def is_up(self) -> bool:
        """Whether the broker answered the last question."""
        return self._is_up

    def ids(self) -> Mapping[str, str]:
        """Topic ids as last answered; empty before the first answer."""
        return self._ids

    def wait_first(self, timeout_s: float) -> bool:
        """True once the broker has answered at all."""
        return self._changed.wait(timeout_s)

    def hurry(self) -> None:
        """Ask now: somebody's messages fail."""
        self._hurried.set()

    def close(self) -> None:
        self._stopping.set()
        self._hurried.set()
        self._thread.join(10.0)

    def _run(self) -> None:
        while not self._stopping.is_set():
            why = "no connection"
            if is_reachable(self._bootstrap):
                try:
                    self._ask_while_it_answers()
                except (KafkaError, OSError, BadInput) as error:
                    why = f"{type(error).__name__}: {error}"
            if not self._stopping.is_set():
                self._say_up(False, why)
            self._stopping.wait(min(self._interval_s, RECONNECT_S))

    def _ask_while_it_answers(self) -> None:
        with _admin(self._bootstrap) as admin:
            while not self._stopping.is_set():
                ids = self._ask(admin)
                missing = [topic for topic in self._topics if topic not in ids]
                if missing:
                    create_missing(admin, missing, self._partitions)
                    ids = self._ask(admin)
                self._ids = ids
                self._changed.set()
                self._say_up(True)
                self._hurried.clear()
                self._hurried.wait(0.0 if self._stopping.is_set() else self._interval_s)

    def _ask(self, admin: KafkaAdminClient) -> Mapping[str, str]:
        return {
            topic["name"]: str(topic["topic_id"])
            for topic in admin.describe_topics(list(self._topics))
            if topic["error_code"] == 0
        }

    def _say_up(self, is_up: bool, why: str = "") -> None:
        if is_up != self._is_up:
            LOG.info("Kafka at %s is %s", self._bootstrap, "up" if is_up else f"gone ({why})")
        self._is_up = is_up
