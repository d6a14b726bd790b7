"""The limits that playbooks set for signals, for the dashed lines of a picture."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from controller.core.conditions import comparisons
from controller.core.playbook import Playbook
from controller.core.readings import SignalKey

Side = Literal["when", "clear"]
SIDES: tuple[Side, ...] = ("when", "clear")


@dataclass(frozen=True, slots=True)
class Objective:
    """``signal`` has labels and no window. ``side`` is ``when`` (a playbook acts beyond it) or
    ``clear`` (it is over beyond it)."""

    signal: str
    threshold: float
    playbook: str
    side: Side


def objectives_of(playbooks: Iterable[Playbook]) -> tuple[Objective, ...]:
    """Of every comparison in ``when`` and ``clear_when``, in order, each once."""
    found: dict[Objective, None] = {}
    for playbook in playbooks:
        for side in SIDES:
            condition = playbook.when if side == "when" else playbook.clear_when
            for leaf in comparisons(condition):
                signal = str(SignalKey(leaf.quantity.signal, leaf.quantity.labels))
                found[Objective(signal, leaf.threshold, playbook.name, side)] = None
    return tuple(found)
