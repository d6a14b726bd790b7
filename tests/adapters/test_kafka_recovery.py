"""Brokers that are killed, come back empty, come back with their data, or never were."""

from __future__ import annotations

import os
import signal
import socket
import threading

import psutil
import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.errors import KafkaError

from controller.adapters.kafka_bus import KafkaBusReader, KafkaBusWriter, ensure_topics
from controller.adapters.kafka_client import open_client
from controller.adapters.kafka_sender import KafkaSender, Record
from controller.adapters.kafka_topics import prepare_client
from controller.errors import BadInput, Unavailable
from controller.telemetry.schema import SERVED, TOPICS
from selfright.stack.child_process import free_port
from tests.adapters.polling import read, wait_until

pytestmark = pytest.mark.live


@pytest.fixture
def clients():
    opened = []
    yield opened
    for client in opened:
        client.close()


def _send(writer, *values: bytes) -> None:
    for value in values:
        assert writer.send(SERVED, value, headers={}, partition=0)


@pytest.mark.kills
def test_messages_after_a_broker_that_came_back_empty_arrive(own_broker, clients):
    writer = KafkaBusWriter(own_broker.bootstrap)
    reader = KafkaBusReader(own_broker.bootstrap, [(SERVED, 0)])
    clients += [writer, reader]
    _send(writer, *(b"old-%d" % number for number in range(20)))
    assert len(read(reader, 20)) == 20
    assert writer.flush(30.0)  # acknowledged: nothing of it is sent again after the kill

    own_broker.kill()
    wait_until(lambda: not reader.poll(0.1, 10) and not reader.is_up(), "the reader to notice")
    own_broker.start()
    _send(writer, b"new-0", b"new-1")

    found = read(reader, 2)
    assert [(m.offset, m.value) for m in found] == [(0, b"new-0"), (1, b"new-1")]
    assert (reader.is_up(), reader.recycled, writer.lost()) == (True, 1, 0)


@pytest.mark.kills
def test_a_recycling_too_quick_to_be_seen_as_an_outage_is_noticed(own_broker, clients):
    writer = KafkaBusWriter(own_broker.bootstrap)
    reader = KafkaBusReader(own_broker.bootstrap, [(SERVED, 0)])
    clients += [writer, reader]
    _send(writer, b"old-0", b"old-1", b"old-2")
    read(reader, 3)
    own_broker.recycle()
    _send(writer, b"new")
    assert [(m.offset, m.value) for m in read(reader, 1)] == [(0, b"new")]
    assert reader.recycled == 1


@pytest.mark.kills
def test_what_is_sent_while_the_broker_is_gone_arrives_in_order(own_broker, clients):
    writer = KafkaBusWriter(own_broker.bootstrap, give_up_s=60.0)
    clients.append(writer)
    own_broker.kill()
    _send(writer, *(b"%d" % number for number in range(30)))
    own_broker.start()
    reader = KafkaBusReader(own_broker.bootstrap, [(SERVED, 0)])
    clients.append(reader)
    assert [int(m.value) for m in read(reader, 30)] == list(range(30))
    assert writer.lost() == 0


@pytest.mark.kills
def test_what_is_too_old_is_counted_as_lost(own_broker, clients):
    writer = KafkaBusWriter(own_broker.bootstrap, give_up_s=1.0)
    clients.append(writer)
    own_broker.kill()
    _send(writer, b"1", b"2", b"3")
    wait_until(lambda: writer.lost() == 3, "three lost messages")
    own_broker.start()
    _send(writer, b"4")
    reader = KafkaBusReader(own_broker.bootstrap, [(SERVED, 0)])
    clients.append(reader)
    assert [m.value for m in read(reader, 1)] == [b"4"]


def test_a_full_buffer_refuses_and_counts(clients):
    writer = KafkaBusWriter(f"127.0.0.1:{free_port()}", buffer_mb=0.001, give_up_s=60.0)
    clients.append(writer)
    answers = [writer.send(SERVED, b"x" * 300, headers={}, partition=0) for _ in range(5)]
    assert answers == [True, True, True, False, False]
    assert writer.refused() == 2
    assert not writer.flush(0.1)


def test_a_message_larger_than_brokers_take_is_refused(embedded_broker, clients):
    writer = KafkaBusWriter(embedded_broker.bootstrap)
    clients.append(writer)
    assert not writer.send(SERVED, bytes(1_000_001), headers={}, partition=0)
    assert writer.refused() == 1


def test_what_is_queued_beyond_one_request_arrives_in_order(own_broker, clients):
    writer = KafkaBusWriter(own_broker.bootstrap)
    reader = KafkaBusReader(own_broker.bootstrap, [(SERVED, 0)])
    clients += [writer, reader]
    values = [b"%d" % number * 200_000 for number in range(10)]
    _send(writer, *values, bytes(1_000_000))
    assert [m.value for m in read(reader, 11)] == [*values, bytes(1_000_000)]
    assert writer.lost() == 0


def test_a_broker_that_answers_rubbish_takes_nothing(clients):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            connection, _ = server.accept()
            with connection:
                connection.recv(1_000)
                connection.sendall(b"\x00\x00\x00\x05HTTP!")
                connection.recv(1_000)

        threading.Thread(target=answer, daemon=True).start()
        sender = KafkaSender(f"127.0.0.1:{server.getsockname()[1]}", timeout_s=5.0)
        with pytest.raises(KafkaError, match="an answer nobody can read"):
            sender.send([Record(SERVED, b"x", (), 0, None)])


@pytest.mark.kills
def test_a_broker_that_hangs_gives_empty_polls_and_is_found_down(own_broker, clients):
    writer = KafkaBusWriter(own_broker.bootstrap, give_up_s=60.0)
    reader = KafkaBusReader(own_broker.bootstrap, [(SERVED, 0)])
    clients += [writer, reader]
    _send(writer, b"before")
    read(reader, 1)
    os.kill(own_broker.pid, signal.SIGSTOP)
    try:
        wait_until(lambda: not reader.poll(0.1, 10) and not reader.is_up(), "down")
        # Accepted while the broker is stopped in its tracks: sending waits for nobody.
        _send(writer, b"during")
    finally:
        os.kill(own_broker.pid, signal.SIGCONT)
    assert [m.value for m in read(reader, 1)] == [b"during"]
    assert reader.recycled == 0


@pytest.mark.kills
def test_apache_kafka_that_crashes_goes_on_where_it_was(apache_broker, clients):
    writer = KafkaBusWriter(apache_broker.bootstrap, give_up_s=60.0)
    reader = KafkaBusReader(apache_broker.bootstrap, [(SERVED, 0)])
    clients += [writer, reader]
    _send(writer, b"before")
    (before,) = read(reader, 1)
    apache_broker.kill()
    apache_broker.start()
    _send(writer, b"after")
    (after,) = read(reader, 1)
    assert (after.value, after.offset, after.topic_id) == (b"after", 1, before.topic_id)
    assert reader.recycled == 0


def test_a_client_that_fails_to_open_leaves_no_thread_and_no_socket_behind():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        bootstrap = f"127.0.0.1:{silent.getsockname()[1]}"
        threads = set(threading.enumerate())
        sockets = len(psutil.Process().net_connections("tcp"))
        for make in (KafkaAdminClient, KafkaProducer, KafkaConsumer):
            with pytest.raises(KafkaError):
                open_client(make, bootstrap, bootstrap_timeout_ms=200)
        wait_until(lambda: set(threading.enumerate()) <= threads, "their threads to end")
        wait_until(
            lambda: len(psutil.Process().net_connections("tcp")) <= sockets + 3,
            "their sockets to close",
        )


def test_ensure_topics_creates_what_is_missing_and_is_idempotent(embedded_broker):
    ensure_topics(embedded_broker.bootstrap, 1)
    ensure_topics(embedded_broker.bootstrap, 1)
    with KafkaAdminClient(bootstrap_servers=[embedded_broker.bootstrap]) as admin:
        names = {
            topic["name"]: len(topic["partitions"])
            for topic in admin.describe_topics()
            if topic["name"].removesuffix(".dead") in TOPICS
        }
    assert names == dict.fromkeys((*TOPICS, *(topic + ".dead" for topic in TOPICS)), 1)


def test_more_partitions_than_a_topic_has_are_bad_input(embedded_broker):
    with pytest.raises(BadInput, match="has 1 partitions, the settings ask for 3"):
        ensure_topics(embedded_broker.bootstrap, 3)


def test_no_broker_is_unavailable():
    with pytest.raises(Unavailable, match="no Kafka broker answers"):
        ensure_topics(f"127.0.0.1:{free_port()}", 1, timeout_s=0.1)


@pytest.mark.parametrize("address", ["", "localhost", "localhost:", "localhost:x", "a:0", "a:1,"])
def test_a_bad_address_gets_one_clear_line(address):
    with pytest.raises(BadInput, match="accepted: HOST:PORT"):
        KafkaBusWriter(address)


def test_a_missing_checksum_package_is_said(monkeypatch):
    from kafka.record import util

    monkeypatch.setattr(util, "crc32c_c", None)
    with pytest.raises(BadInput, match="crc32c"):
        prepare_client()
