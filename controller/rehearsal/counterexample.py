"""A counterexample of a proof as a test: the same weather, tick by tick, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator

from controller.core.readings import (
    PLAN_ADOPTED_EPOCH,
    PLAN_ADOPTED_REVISION,
    Catalogue,
    Readings,
)
from controller.proving.explore import Counterexample
from controller.proving.run import Subject
from controller.proving.world import TICK_S, readings, shown
from controller.rehearsal.model import Rehearsal
from controller.rehearsal.recording import series_of
from controller.rehearsal.service import Service
from controller.rehearsal.writing import pinned

ROUTERS = {PLAN_ADOPTED_EPOCH, PLAN_ADOPTED_REVISION}
"""The test's own routers say this."""


def as_rehearsal(
    counterexample: Counterexample,
    subject: Subject,
    playbooks: tuple[str, ...],
    catalogue: Catalogue,
) -> Rehearsal:
    """It expects what happens now, so it passes until a change of the set mends it.

    ``playbooks``: their files, as the test is to name them.
    """
    ticks = list(_ticks(counterexample, subject))
    rehearsal = Rehearsal(
        name=f"{counterexample.fault.property}: {counterexample.fault.sentence}",
        playbooks=playbooks,
        ends_at_s=ticks[-1][0],
        expect=(),
        series=series_of(ticks, set(ticks[0][1]) - ROUTERS, catalogue),
        tick_s=TICK_S,
        adoption_s=0.0,
    )
    return pinned(rehearsal, Service(subject.playbooks, subject.settings, catalogue))


def _ticks(counterexample: Counterexample, subject: Subject) -> Iterator[tuple[float, Readings]]:
    """Every tick of the proof, the first at 0, and what was read at it."""
    first_s = counterexample.stretches[0].before.at_s + TICK_S
    for stretch in counterexample.stretches:
        plan, plans = stretch.before.plan, {each.at_s: each.plan for each in stretch.commits}
        for count in range(stretch.ticks):
            at_s = stretch.before.at_s + (count + 1) * TICK_S
            said = shown(plan, subject.cells, stretch.wrong, subject.settings)
            yield at_s - first_s, readings(at_s, said)
            plan = plans.get(at_s, plan)
