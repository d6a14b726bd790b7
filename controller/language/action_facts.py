"""What each action is, as data: its undo and what it does.

The linter refuses by this table and the README of the language prints it; a test compares them.
Exclusion groups, budget classes and what protects are the judge's own (`controller.core.actions`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from controller.core.actions import GROUPS
from controller.core.playbook import (
    Action,
    CacheTtl,
    Evaluate,
    Freeze,
    Notify,
    PrewarmCache,
    Promote,
    Retrain,
    Revert,
    Route,
    Scale,
    Shed,
    Webhook,
)


@dataclass(frozen=True, slots=True)
class ActionFacts:
    """``undo`` None: there is none, what was done stays done.

    ``moves_traffic``: never by drift alone.
    """

    name: str
    undo: str | None
    effect: str
    moves_traffic: bool = False


ACTION_FACTS: Mapping[type[Action], ActionFacts] = {
    Route: ActionFacts(
        "route",
        undo="drop the cap; traffic returns in stages",
        effect="the target answers what was the source's; users no longer wait for the source",
        moves_traffic=True,
    ),
    Shed: ActionFacts(
        "shed",
        undo="admit everyone again",
        effect="queues shrink; the shed share gets the last resort's slate",
        moves_traffic=True,
    ),
    Retrain: ActionFacts(
        "retrain",
        undo=None,
        effect="a candidate trained on recent interactions is registered; nothing is served by it",
    ),
    Evaluate: ActionFacts(
        "evaluate",
        undo=None,
        effect="a candidate is compared with the arm that serves; until then a person is asked",
    ),
    Promote: ActionFacts(
        "promote",
        undo=None,
        effect="a person is asked; the version then serves in that arm, until a `revert`",
        moves_traffic=True,
    ),
    Revert: ActionFacts(
        "revert",
        undo=None,
        effect="the arm serves what it served before its last promotion; the version is barred",
        moves_traffic=True,
    ),
    PrewarmCache: ActionFacts(
        "prewarm_cache",
        undo=None,
        effect="slates of frequent users are cached, so the hit rate rises",
    ),
    CacheTtl: ActionFacts(
        "cache_ttl",
        undo="the baseline's time to live again",
        effect="a longer one raises the hit rate, a shorter one freshens slates",
    ),
    Scale: ActionFacts(
        "scale",
        undo="the baseline's replicas again",
        effect="queue depth per replica falls",
    ),
    Freeze: ActionFacts(
        "freeze",
        undo="thaw",
        effect="what is frozen does not act, until the time is over or the incident ends",
    ),
    Notify: ActionFacts(
        "notify",
        undo=None,
        effect="a person reads the incident",
    ),
    Webhook: ActionFacts(
        "webhook",
        undo=None,
        effect="another system is told, at least once, with the incident as idempotency key",
    ),
}

EXCLUSION_GROUPS = tuple(sorted(set(GROUPS.values())))
"""What `guards.excludes` may name: one incident at a time acts in a group."""


def facts_of(action: Action) -> ActionFacts:
    return ACTION_FACTS[type(action)]
