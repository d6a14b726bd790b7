"""A day of the shipped playbooks through the journal: how long a replay takes, how many bytes.

The journal is written by the shell's own `Journal`, from made-up readings that move as real ones
do; a fault each hour makes the judge decide something. A quick run takes an hour and says so.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks.figure import Figure
from controller.core.facts import Elected, Fate, Loaded, Tick
from controller.core.playbook import Playbook
from controller.core.readings import (
    PLAN_ADOPTED_EPOCH,
    PLAN_ADOPTED_REVISION,
    Reading,
    Readings,
    ReadingState,
    SignalKey,
)
from controller.core.settings import settings_to_document
from controller.core.state import JudgeState, state_to_document
from controller.core.step import initial_state, named_signals, step
from controller.language.loading import load_playbooks
from controller.monitors.layers import catalogue_of
from controller.proving.cells import Cell, cells_of
from controller.settings import Settings
from controller.shell.journal import Journal, segment_paths
from controller.shell.replay import replay
from controller.shell.segment import read_segment

DAY_S = 86_400
FAULT_EVERY_S, FAULT_LASTS_S = 3_600, 300
REPLAY_GOAL_S = 60.0
BYTES_GOAL = 1e9
MANY_READINGS = 2_000
CATALOGUE = 256
"""Readings of the whole catalogue at its default windows, as every tick records them."""
SEED = 1
START_S = 1_764_000_000.0


def figures(quick: bool) -> Iterator[Figure]:
    """Both figures are of a day; a quick run measures an hour and multiplies."""
    seconds = 3_600 if quick else DAY_S
    times = DAY_S / seconds
    said = f" (an hour, times {times:g})" if quick else ""
    settings = Settings()
    catalogue = catalogue_of(settings)
    playbooks = load_playbooks(Path("playbooks"), settings, catalogue)
    judge = settings.for_judge(catalogue)
    named = len(named_signals(playbooks, judge))
    with tempfile.TemporaryDirectory() as folder:
        journal = Path(folder)
        records = _write(journal, playbooks, settings, seconds, extra=CATALOGUE)
        start_s = time.process_time()
        derived = replay([read_segment(path) for path in segment_paths([journal])])
        took_s = (time.process_time() - start_s) * times
    if len(derived.lines) != records:
        raise RuntimeError(f"{records} records were written and {len(derived.lines)} derived")
    yield Figure(
        f"replay of 24 h of 1 s ticks, shipped playbooks, {named + CATALOGUE} readings{said}",
        took_s,
        "s",
        DAY_S,
        took_s / DAY_S,
        f"< {REPLAY_GOAL_S:g} s",
        took_s < REPLAY_GOAL_S,
    )
    seconds = 300 if quick else 3_600
    with tempfile.TemporaryDirectory() as folder:
        journal = Path(folder)
        _write(journal, playbooks, settings, seconds, extra=MANY_READINGS)
        size = sum(path.stat().st_size for path in segment_paths([journal])) * DAY_S / seconds
    plain = (MANY_READINGS + named) * DAY_S * 8
    yield Figure(
        f"journal of a day at {MANY_READINGS + named:,} readings a second ({seconds:,} s measured)",
        size / 1e6,
        "MB",
        plain / 1e6,
        size / plain,
        f"<= {BYTES_GOAL / 1e6:,.0f} MB (the floor is one float each)",
        size <= BYTES_GOAL,
    )


def _write(
    folder: Path, playbooks: Sequence[Playbook], settings: Settings, seconds: int, *, extra: int
) -> int:
    """Judge and journal so many seconds; how many records the judge made."""
    judge = settings.for_judge(catalogue_of(settings))
    cells = cells_of(playbooks, judge)
    journal = Journal(folder, 1e9, 1e12)
    loaded = Loaded(1, START_S, tuple(playbooks), settings_to_document(judge), "benchmark")
    state = step(initial_state(), loaded).state
    journal.begin(START_S, _header(state, 1))
    records = revision = 0
    facts: list[object] = [Elected(2, START_S, 1, "benchmark", None, "")]
    random = np.random.default_rng(SEED)
    others = _Wandering(extra, random)
    for n in range(seconds):
        at_s = START_S + n + 1.0
        seen = {**_readings(at_s, cells, _is_faulty(n), revision), **others.at(at_s)}
        facts.append(Tick(n + 3, at_s, seen))
        while facts:
            stepped = step(state, journal.write(facts.pop(0)))  # type: ignore[arg-type]
            state = stepped.state
            records += len(stepped.records)
            if stepped.plan is not None:
                revision = stepped.plan.revision
                facts.insert(0, Fate(0, at_s, "published", "head"))
        if journal.is_full():
            journal.begin(at_s, _header(state, 1))
    journal.close()
    return records


def _header(state: JudgeState, epoch: int) -> dict[str, object]:
    return {"epoch": epoch, "head": "", "state": state_to_document(state)}


def _is_faulty(second: int) -> bool:
    return second % FAULT_EVERY_S >= FAULT_EVERY_S - FAULT_LASTS_S


def _readings(at_s: float, cells: dict[SignalKey, Cell], faulty: bool, revision: int) -> Readings:
    found = {
        key: Reading(
            cell.bad if faulty and key.name.startswith("arm_bad") else cell.good,
            ReadingState.OK,
            200,
            at_s - key.window_s,
            at_s,
        )
        for key, cell in cells.items()
    }
    for key, number in ((PLAN_ADOPTED_EPOCH, 1), (PLAN_ADOPTED_REVISION, revision)):
        found[key] = Reading(float(number), ReadingState.OK, 1, at_s, at_s)
    return found


class _Wandering:
    """Readings over windows of 5 s and more: a fifth of them is another number each second."""

    def __init__(self, count: int, random: np.random.Generator) -> None:
        self._random = random
        self._values = random.lognormal(4.0, 1.0, count)
        self._samples = random.integers(50, 500, count)
        self._keys = [SignalKey(f"signal_{n}", (("arm", "primary"),), 5.0) for n in range(count)]

    def at(self, at_s: float) -> Readings:
        moved = self._random.random(len(self._keys)) < 0.2
        self._values[moved] *= self._random.lognormal(0.0, 0.05, int(moved.sum()))
        self._samples[moved] += self._random.integers(-5, 6, int(moved.sum()))
        pairs = zip(self._keys, self._values.tolist(), self._samples.tolist(), strict=True)
        return {
            key: Reading(value, ReadingState.OK, sample, at_s - 5.0, at_s)
            for key, value, sample in pairs
        }
