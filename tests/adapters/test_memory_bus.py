"""The switches only the bus in memory has."""

from __future__ import annotations

from controller.adapters.memory_bus import MemoryBus


def test_a_bus_that_is_down_refuses_and_says_so():
    bus = MemoryBus()
    reader, writer = bus.reader([("t", 0)]), bus.writer()
    assert writer.send("t", b"before", headers={})
    bus.down = True
    assert not writer.send("t", b"during", headers={})
    assert (list(reader.poll(0.0, 10)), reader.is_up(), writer.flush(0.0)) == ([], False, False)
    bus.down = False
    assert [m.value for m in reader.poll(0.0, 10)] == [b"before"]


def test_columns_arrive_by_reference():
    bus, columns = MemoryBus(), object()
    reader = bus.reader([("t", 0)])
    assert bus.append("t", b"", {"city": "Zürich"}, None, b"k", columns=columns)
    (message,) = reader.poll(0.0, 10)
    assert (message.columns, message.value, message.key) == (columns, b"", b"k")


def test_a_restarted_bus_is_empty_and_read_from_zero():
    bus = MemoryBus()
    reader, writer = bus.reader([("t", 0)]), bus.writer()
    for number in range(5):
        writer.send("t", b"old-%d" % number, headers={})
    old = reader.poll(0.0, 10)
    bus.restart()
    writer.send("t", b"new", headers={})
    (new,) = reader.poll(0.0, 10)
    assert (len(old), new.value, new.offset, reader.recycled) == (5, b"new", 0, 1)
    assert new.topic_id != old[0].topic_id


def test_only_the_newest_messages_are_kept():
    bus = MemoryBus(keep_messages=3)
    reader, writer = bus.reader([("t", 0)]), bus.writer()
    for number in range(10):
        writer.send("t", b"%d" % number, headers={})
    assert [(m.offset, m.value) for m in reader.poll(0.0, 10)] == [
        (7, b"7"),
        (8, b"8"),
        (9, b"9"),
    ]


def test_a_partition_that_does_not_exist_is_refused():
    assert not MemoryBus(partitions=1).writer().send("t", b"x", headers={}, partition=1)
