"""Noise around a threshold: how often traffic moves, beside a rule that just compares.

An AR(1) process of 0.6, its deviation a fifth of the threshold, at ticks of 10 s. Right after it a
real fault begins: the traffic must be away from the arm, or a person paged, within ten minutes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.figure import Figure
from controller.core.facts import Fate, Tick
from controller.core.plan import Plan
from controller.core.playbook import Comparison, Playbook
from controller.core.readings import (
    PLAN_ADOPTED_EPOCH,
    PLAN_ADOPTED_REVISION,
    Reading,
    Readings,
    ReadingState,
)
from controller.core.step import step
from controller.language.loading import playbook_from_file
from controller.monitors.layers import catalogue_of
from controller.proving.cells import cells_of
from controller.proving.run import START_S, Subject, begin
from controller.settings import Settings

PHI = 0.6
TICK_S = 10.0
DEVIATION = 0.2
HEALED_WITHIN_S = 600.0
MOST_FLIPS_PER_H = 1.0
SEED = 1


@dataclass(frozen=True, slots=True)
class Noisy:
    """Flips an hour of ours and of the naive rule; whether the real fault was met in time."""

    ours_per_h: float
    naive_per_h: float
    healed: bool


def figures(quick: bool) -> Iterator[Figure]:
    """Flips per hour over all runs, and faults met."""
    runs, hours = (10, 12) if quick else (50, 24)
    settings = Settings()
    catalogue = catalogue_of(settings)
    book = playbook_from_file(Path("playbooks/slow_primary.yaml"), settings, catalogue)
    found = [live_through_noise(book, settings, hours, SEED + n) for n in range(runs)]
    ours = float(np.mean([each.ours_per_h for each in found]))
    naive = float(np.mean([each.naive_per_h for each in found]))
    yield Figure(
        f"route flips an hour in threshold noise, {runs} runs of {hours} h",
        ours,
        "flips/h",
        naive,
        ours / naive,
        f"<= {MOST_FLIPS_PER_H:g} (the floor is a rule that just compares)",
        ours <= MOST_FLIPS_PER_H,
    )
    healed = float(np.mean([each.healed for each in found]))
    yield Figure(
        "real faults right after the noise met within 10 min",
        healed * 100.0,
        "%",
        100.0,
        healed,
        "100 %",
        healed == 1.0,
    )


def live_through_noise(book: Playbook, settings: Settings, hours: float, seed: int) -> Noisy:
    """The playbook alone, in noise around its threshold for so long, then in a real fault."""
    if not isinstance(book.when, Comparison):
        raise ValueError("the noise is around the threshold of one condition")
    threshold = book.when.threshold
    count = int(hours * 3_600 / TICK_S)
    noise = threshold * (1.0 + DEVIATION * _ar1(count, seed))
    fault = np.full(int(HEALED_WITHIN_S / TICK_S), threshold * 3.0)
    plans = _plans(book, settings, np.concatenate([noise, fault]).tolist())
    drained = [plan.arms["primary"].share < 1.0 for plan in plans]
    naive = (noise > threshold).tolist()
    paged = any(work.id.startswith("page-") for work in plans[-1].wanted)
    return Noisy(_flips(drained[:count]) / hours, _flips(naive) / hours, drained[-1] or paged)


def _flips(moved: Sequence[bool]) -> int:
    return sum(one != other for one, other in pairwise(moved))


def _ar1(count: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    steps = random.normal(0.0, np.sqrt(1.0 - PHI**2), count).tolist()
    values = [float(random.normal())]
    for each in steps[1:]:
        values.append(PHI * values[-1] + each)
    return np.array(values)


def _plans(book: Playbook, settings: Settings, values: Sequence[float]) -> list[Plan]:
    """The plan in force after each tick."""
    judge = replace(
        settings.for_judge(catalogue_of(settings)), tick_s=TICK_S, adoption_timeout_s=30.0
    )
    cells = cells_of((book,), judge)
    moment = begin(Subject((book,), judge, cells, 0))
    state, plan = moment.state, moment.plan
    plans = []
    for n, value in enumerate(values):
        at_s = START_S + (n + 1) * TICK_S
        seen: Readings = {
            **{
                key: _reading(value if key.name.startswith("arm_") else cell.good, at_s)
                for key, cell in cells.items()
            },
            PLAN_ADOPTED_EPOCH: _reading(1.0, at_s),
            PLAN_ADOPTED_REVISION: _reading(float(plan.revision), at_s),
        }
        stepped = step(state, Tick(n, at_s, seen))
        state = stepped.state
        if stepped.plan is not None:
            plan = stepped.plan
            state = step(state, Fate(n, at_s, "published", "head")).state
        plans.append(plan)
    return plans


def _reading(value: float, at_s: float) -> Reading:
    return Reading(value, ReadingState.OK, 500, at_s - 5.0, at_s)
