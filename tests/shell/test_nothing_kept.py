"""Runs that keep nothing: the same facts for the judge, the same decisions, and fewer polls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.adapters.memory_copy import MemoryCopy
from controller.core.facts import Tick, WorkDone
from controller.core.readings import Reading, ReadingState, SignalKey
from controller.ports import BusReader, Message
from controller.shell.fact_rows import from_row, to_row
from controller.shell.journal import NoJournal
from controller.shell.loop import Ports, Shell
from controller.shell.readings_file import NoReadingsFile
from controller.shell.snapshots import MemorySnapshots, NoSnapshots, Snapshot, resume
from controller.telemetry.ledger import Ledger
from tests.shell.conftest import JUDGE, START_S, World

NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=64)
READINGS = st.builds(
    Reading,
    st.none() | NUMBERS,
    st.sampled_from(ReadingState),
    st.integers(0, 10**6),
    NUMBERS.filter(lambda n: abs(n) < 1e10),
    NUMBERS.filter(lambda n: abs(n) < 1e10),
    st.text(max_size=5),
)
WINDOWS_S = st.sampled_from([0.0, 5.0, 60.0])
KEYS = st.builds(SignalKey, st.sampled_from(["ctr", "arm_bad"]), st.just(()), WINDOWS_S)


@given(readings=st.dictionaries(KEYS, READINGS, max_size=5), at_s=st.floats(0, 2e9))
@settings(max_examples=50, deadline=None)
def test_without_a_journal_the_judge_gets_what_it_would_have_got(
    readings: dict[SignalKey, Reading], at_s: float
) -> None:
    tick = Tick(3, at_s, readings)
    found, expected = NoJournal().write(tick), from_row(to_row(tick))
    assert isinstance(found, Tick)
    assert isinstance(expected, Tick)
    assert (found.seq, found.at_s) == (expected.seq, expected.at_s)
    assert dict(found.readings) == dict(expected.readings)
    assert found.readings.get(SignalKey("not there")) is None


def test_other_facts_are_the_same_too() -> None:
    fact = WorkDone(1, 2.00049, "w", "retrain", "done", "", "v2")
    assert NoJournal().write(fact) == from_row(to_row(fact))


class Waiting(BusReader):
    """Waits for as long as it is told, as Kafka does when nothing comes."""

    def __init__(self, inner: Any, world: World, *, waits: bool) -> None:
        self.recycled = 0
        self.polls = 0
        self._inner, self._world, self._waits = inner, world, waits

    def poll(self, timeout_s: float, limit: int) -> Sequence[Message]:
        self.polls += 1
        if self._waits:
            self._world.clock.advance(timeout_s)
        return self._inner.poll(timeout_s, limit)

    def positions(self) -> Any:
        return self._inner.positions()

    def is_up(self) -> bool:
        return self._inner.is_up()

    def close(self) -> None:
        self._inner.close()


def polls_per_tick(world: World, *, waits: bool) -> float:
    readers = []

    def wrap(name: str, port: Any) -> Any:
        if name != "reader":
            return port
        readers.append(Waiting(port, world, waits=waits))
        return readers[0]

    shell = world.controller(wrap=wrap)
    for _ in range(10):
        shell.run_tick()
    shell.close()
    return readers[0].polls / 10


def test_a_reader_that_waits_is_asked_once_a_tick(tmp_path) -> None:
    assert polls_per_tick(World(tmp_path), waits=True) == 1.0


def test_a_reader_that_answers_at_once_is_left_alone_in_between(tmp_path) -> None:
    assert 5.0 <= polls_per_tick(World(tmp_path), waits=False) <= 15.0


def keep_nothing(world: World, shell: Shell) -> Shell:
    """Another controller of the same world, with nothing of its own on disk."""
    ports: Ports = replace(
        shell._ports,
        copy=MemoryCopy(),
        journal=NoJournal(),
        snapshots=NoSnapshots(),
        readings_file=NoReadingsFile(),
    )
    return Shell(JUDGE, "one", "test", ports)


def test_keeping_nothing_decides_the_same_byte_for_byte(tmp_path) -> None:
    kept, light = World(tmp_path / "kept"), World(tmp_path / "light")
    kept.run(kept.controller(), until_s=40.0)
    light.run(keep_nothing(light, light.controller()), until_s=40.0)
    assert light.log() == kept.log()
    assert "recovered" in light.phases()
    assert not list((tmp_path / "light").rglob("*.jsonl"))


def test_a_snapshot_in_memory_is_the_last_one() -> None:
    keeper = MemorySnapshots()
    assert keeper.load() is None
    for at_s in (START_S, START_S + 10.0):
        keeper.save(Snapshot(at_s, {}, b"1", Ledger().snapshot()))
    found = keeper.load()
    assert found is not None
    assert found.at_s == START_S + 10.0


def test_a_controller_goes_on_from_a_snapshot_in_memory(tmp_path) -> None:
    world, keeper = World(tmp_path), MemorySnapshots()
    shell = world.controller(wrap=lambda name, port: keeper if name == "snapshots" else port)
    shell.intake._monitors.note_broken("selfright.served")
    world.run(shell, until_s=12.0)
    monitors = world.controller().intake._monitors
    assert resume(keeper.load(), monitors, Ledger()) == shell._ports.reader.positions()
    assert monitors.updated == 1  # type: ignore[attr-defined]
