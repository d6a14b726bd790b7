"""What requests cost the processors of the virtual service: told, never felt by anything else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulator.spec import ArmModel
from simulator.visits import Floats
from simulator.world.handled import SLOT_US, Handled, Result

_US_PER_MS = 1_000.0


@dataclass(frozen=True, slots=True)
class Work:
    """Microseconds of a processor by row: of the replica of the arm drawn, of the router for its
    own in-process arms, and of whichever of them gave the answer."""

    replica_us: Floats
    router_us: Floats
    answer_us: Floats


def work_of(handled: Handled, models: Sequence[ArmModel | None]) -> Work:
    """``models`` in the plan's order, None for an in-process arm.

    Requests that reach an arm within one slot share its batches, as in `queues`; an attempt that is
    cut or fails is worked on as any other. In-process, all of the time is the processor's.
    """
    slot = handled.at_us // SLOT_US
    tried = (handled.result == Result.OK) | (handled.result == Result.LATE)
    tried |= handled.result == Result.ERROR
    replica_us, own_us = np.zeros(len(handled)), np.zeros(len(handled))
    for place, model in enumerate(models):
        mine = np.flatnonzero(tried & (handled.drawn == place))
        if model is None:
            own_us[mine] = handled.elapsed_us[mine]
        elif len(mine):
            _, which, count = np.unique(slot[mine], return_inverse=True, return_counts=True)
            batches_ms = -(-count // model.batch_size) * model.batch_ms
            replica_us[mine] = (model.item_ms + (batches_ms / count)[which]) * _US_PER_MS
    second_us = np.maximum(handled.second_us, 0)
    is_first = (handled.result == Result.OK) & (handled.second_us < 0)
    answer_us = np.where(is_first, replica_us + own_us, second_us)
    return Work(replica_us, own_us + second_us, answer_us)
