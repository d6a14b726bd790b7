"""Which kinds of action a record of the decision log says it put into the plan."""

from __future__ import annotations

from collections.abc import Mapping

from simulator.report.evidence import Document

SAID_OF_ACTIONS: Mapping[str, str] = {
    "route": "routes ",
    "retrain": "retrains ",
    "evaluate": "asks to evaluate ",
    "promote": "asks to promote ",
    "revert": "asks to revert ",
    "prewarm_cache": "warms the cache ",
    "cache_ttl": "keeps cached slates ",
    "scale": "scales ",
    "shed": "sheds ",
    "freeze": "freezes ",
    "notify": "notifies ",
    "webhook": "calls ",
}
"""How a record's ``details.moves`` begin, by kind of action."""


def actions_of(record: Document) -> frozenset[str]:
    """The kinds of action that one acting record put into the plan."""
    moves = (record.get("details") or {}).get("moves", ())
    return frozenset(
        kind
        for kind, said in SAID_OF_ACTIONS.items()
        if any(str(move).startswith(said) for move in moves)
    )


def shadowed_actions_of(record: Document) -> frozenset[str]:
    """The kinds of action that one shadowed record says its playbook would have taken."""
    _, _, text = str(record["sentence"]).partition(" (shadow): ")
    moves = text.split(" and ")
    return frozenset(
        kind
        for kind, said in SAID_OF_ACTIONS.items()
        if any(move.startswith(said) for move in moves)
    )
