"""What every bus does: in memory, the embedded broker, and Apache Kafka."""

from __future__ import annotations

from controller.ports import Position
from tests.adapters.polling import read, wait_until


def test_a_message_arrives_whole(bus, topic):
    reader = bus.reader([(topic, 0), (topic, 1)])
    writer = bus.writer()
    headers = {"producer_id": "router-1", "city": "Zürich"}
    assert writer.send(topic, b"\x00\xffbatch", headers=headers, partition=1, key=b"k")
    assert writer.flush(30.0)
    (message,) = read(reader, 1)
    assert (message.topic, message.partition, message.offset) == (topic, 1, 0)
    assert (message.value, message.key) == (b"\x00\xffbatch", b"k")
    assert dict(message.headers) == headers
    assert message.topic_id
    assert writer.lost() == 0


def test_order_holds_within_each_partition(bus, topic):
    reader = bus.reader([(topic, 0), (topic, 1)])
    writer = bus.writer()
    for number in range(200):
        assert writer.send(topic, b"%d" % number, headers={}, partition=number % 2)
    found = read(reader, 200)
    for partition in (0, 1):
        values = [int(m.value) for m in found if m.partition == partition]
        assert values == list(range(partition, 200, 2))
        assert [m.offset for m in found if m.partition == partition] == list(range(100))


def test_poll_gives_at_most_the_limit_and_goes_on_after_it(bus, topic):
    reader = bus.reader([(topic, 0)])
    writer = bus.writer()
    for number in range(25):
        assert writer.send(topic, b"%d" % number, headers={}, partition=0)
    assert writer.flush(30.0)
    polls = []
    wait_until(lambda: polls.append(reader.poll(0.2, 10)) or sum(map(len, polls)) >= 25, "all 25")
    assert max(map(len, polls)) <= 10
    assert [int(m.value) for poll in polls for m in poll] == list(range(25))


def test_a_partition_that_is_not_assigned_is_not_read(bus, topic):
    reader = bus.reader([(topic, 1)])
    writer = bus.writer()
    assert writer.send(topic, b"other", headers={}, partition=0)
    assert writer.send(topic, b"mine", headers={}, partition=1)
    assert writer.flush(30.0)
    assert [m.value for m in read(reader, 1)] == [b"mine"]
    assert list(reader.positions()) == [(topic, 1)]


def test_equal_keys_share_a_partition(bus, topic):
    reader = bus.reader([(topic, 0), (topic, 1)])
    writer = bus.writer()
    for number in range(40):
        assert writer.send(topic, b"x", headers={}, key=b"request-%d" % (number % 8))
    found = read(reader, 40)
    assert {m.partition for m in found} == {0, 1}
    assert len({(m.key, m.partition) for m in found}) == 8


def test_a_second_reader_goes_on_from_the_positions_of_the_first(bus, topic):
    first = bus.reader([(topic, 0)])
    writer = bus.writer()
    for number in range(5):
        assert writer.send(topic, b"%d" % number, headers={}, partition=0)
    read(first, 5)
    positions = first.positions()
    assert positions[(topic, 0)].offset == 5
    assert writer.send(topic, b"5", headers={}, partition=0)
    second = bus.reader([(topic, 0)], positions)
    assert [m.value for m in read(second, 1)] == [b"5"]
    assert second.recycled == 0


def test_a_position_of_another_topic_of_that_name_starts_from_zero(bus, topic):
    bus.reader([(topic, 0)])
    writer = bus.writer()
    for number in range(3):
        assert writer.send(topic, b"%d" % number, headers={}, partition=0)
    assert writer.flush(30.0)
    reader = bus.reader([(topic, 0)], {(topic, 0): Position("an-id-of-before", 2)})
    assert [m.value for m in read(reader, 3)] == [b"0", b"1", b"2"]
    assert reader.recycled == 1


def test_polling_an_empty_topic_gives_nothing_and_the_bus_is_up(bus, topic):
    reader = bus.reader([(topic, 0)])
    assert list(reader.poll(0.1, 10)) == []
    assert reader.is_up()


def test_a_closed_writer_refuses(bus, topic):
    writer = bus.writer()
    writer.close()
    assert not writer.send(topic, b"late", headers={}, partition=0)


def test_what_comes_encoded_has_no_columns(bus, topic):
    reader = bus.reader([(topic, 0)])
    writer = bus.writer()
    assert writer.send(topic, b"encoded", headers={}, partition=0)
    assert writer.flush(30.0)
    (message,) = read(reader, 1)
    assert (message.value, message.columns) == (b"encoded", None)
