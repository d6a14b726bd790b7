"""Asks the store for what the judge wants of the cap on all services; the answers are facts."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

from controller.core.facts import Allowance
from controller.core.state import JudgeState
from controller.errors import WorldError
from controller.ports import PlanStore, Reserved

LOG = logging.getLogger(__name__)
Reserve = Callable[[str, str, str, int, int, float], Reserved]


class Allowances:
    """``unheard``: questions the store did not answer; they are asked again at the next tick."""

    def __init__(self, store: PlanStore) -> None:
        self.unheard = 0
        self._store = store

    def facts(
        self, state: JudgeState, at_s: float, next_seq: Callable[[], int]
    ) -> Iterator[Allowance]:
        """The store's word on everything that waits for it, as far as it answers."""
        try:
            yield from answers(state, at_s, next_seq, self._store.reserve)
        except WorldError as error:
            self.unheard += 1
            LOG.warning("the store did not say what all services have left: %s", error)


def answers(
    state: JudgeState, at_s: float, next_seq: Callable[[], int], reserve: Reserve
) -> Iterator[Allowance]:
    """``reserve``'s word on what waits. Raise what it raises."""
    cap = state.config.settings.limits.all_services if state.config is not None else None
    if cap is None or state.config is None:
        return
    service, rate = state.config.settings.service, cap.rate
    for each in state.asked:
        if each.waiting and each.cost <= rate.count:
            said = reserve(cap.name, service, each.key, each.cost, rate.count, rate.per_s)
            yield Allowance(
                next_seq(),
                at_s,
                each.key,
                said.granted,
                said.used,
                rate.count,
                rate.per_s,
                round(at_s + said.free_in_s, 3),
            )
