"""How a playbook did: counts that let a person raise its autonomy, or lower it.

``fired`` (a first rung went into the plan), ``passed``, ``unproven``, ``failed`` and
``not adopted`` (what was expected of its moves), ``undone``, ``recovered``, ``escalated``,
``expired``, ``rejected`` (by a person). In shadow and suggest nothing is done, so nothing can be
proven: an incident that outlasted what the first rung would have taken ``would have mattered``, a
shorter one ``passed by itself``.
"""

from __future__ import annotations

from controller.core.state import Incident

FIRED = "fired"
UNDONE = "undone"
REJECTED = "rejected"
MATTERED = "would have mattered"
BY_ITSELF = "passed by itself"


def end_of(incident: Incident, at_s: float) -> str:
    """What an ended incident adds: its last phase, or whether it would have mattered."""
    if incident.enforced:
        return incident.phase.value
    rung = incident.playbook.rungs[0] if incident.playbook.rungs else ()
    needed_s = max((move.within_s for move in rung), default=0.0)
    return MATTERED if at_s - incident.opened_at_s > needed_s else BY_ITSELF
