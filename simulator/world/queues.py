"""The queue in front of an arm's replicas: work in whole microseconds, slot by slot.

A slot's requests are taken in batches; what the living replicas cannot do in the slot waits.
"""

from __future__ import annotations

import numpy as np

from simulator.visits import Integers
from simulator.world.slab import ArmQueue


def backlog_after(backlog_us: int, reached: int, queue: ArmQueue) -> int:
    """The work that waits at the end of a slot in which ``reached`` requests came."""
    batches = -(-reached // queue.batch_size)
    work_us = batches * queue.batch_us + reached * queue.item_us
    return max(0, backlog_us + work_us - queue.capacity_us)


def backlogs(backlog_us: int, reached: Integers, queue: ArmQueue) -> Integers:
    """The same over many slots: (slots + 1) backlogs, from before the first to after the last.

    Lindley's recursion, solved by reflection: a sum less its least value below zero so far.
    """
    batches = -(-reached // queue.batch_size)
    work_us = batches * queue.batch_us + reached * queue.item_us
    free = backlog_us + np.cumsum(work_us - queue.capacity_us)
    after = free - np.minimum(np.minimum.accumulate(free), 0)
    return np.concatenate([[backlog_us], after])
