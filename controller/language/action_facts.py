"""What each action is, as data: its undo, what it does, and which limits it counts toward.

The linter refuses by this table and the README of the language prints it; a test compares them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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

    ``exclusion_group`` is what `guards.excludes` names: one incident at a time acts in a group.
    ``moves_traffic``: never by drift alone. ``protective``: may act on missing data (`route`
    only when it leads to the fallback).
    """

    name: str
    undo: str | None
    effect: str
    exclusion_group: str
    budget_class: str
    moves_traffic: bool = False
    protective: bool = False


ACTION_FACTS: Mapping[type[Action], ActionFacts] = {
    Route: ActionFacts(
        "route",
        undo="drop the cap; traffic returns in stages",
        effect="the target answers what was the source's; users no longer wait for the source",
        exclusion_group="routing",
        budget_class="traffic",
        moves_traffic=True,
        protective=True,
    ),
    Shed: ActionFacts(
        "shed",
        undo="admit everyone again",
        effect="queues shrink; the shed share gets the last resort's slate",
        exclusion_group="load",
        budget_class="traffic",
        moves_traffic=True,
        protective=True,
    ),
    Retrain: ActionFacts(
        "retrain",
        undo=None,
        effect="a candidate trained on recent interactions is registered; nothing is served by it",
        exclusion_group="training",
        budget_class="work",
    ),
    Evaluate: ActionFacts(
        "evaluate",
        undo="stop the evaluation; its requests are not counted",
        effect="a candidate is compared with the arm that serves",
        exclusion_group="models",
        budget_class="work",
    ),
    Promote: ActionFacts(
        "promote",
        undo="revert: the promotion history is popped and the version barred",
        effect="the version serves in that arm, or the arm takes the baseline share",
        exclusion_group="models",
        budget_class="models",
        moves_traffic=True,
    ),
    Revert: ActionFacts(
        "revert",
        undo="a person promotes the version again",
        effect="the arm serves what it served before its last promotion",
        exclusion_group="models",
        budget_class="models",
        moves_traffic=True,
    ),
    PrewarmCache: ActionFacts(
        "prewarm_cache",
        undo=None,
        effect="slates of frequent users are cached, so the hit rate rises",
        exclusion_group="cache",
        budget_class="work",
    ),
    CacheTtl: ActionFacts(
        "cache_ttl",
        undo="the baseline's time to live again",
        effect="a longer one raises the hit rate, a shorter one freshens slates",
        exclusion_group="cache",
        budget_class="capacity",
    ),
    Scale: ActionFacts(
        "scale",
        undo="the baseline's replicas again",
        effect="queue depth per replica falls",
        exclusion_group="capacity",
        budget_class="capacity",
    ),
    Freeze: ActionFacts(
        "freeze",
        undo="thaw",
        effect="what is frozen does not act",
        exclusion_group="freezes",
        budget_class="people",
        protective=True,
    ),
    Notify: ActionFacts(
        "notify",
        undo=None,
        effect="a person reads the incident",
        exclusion_group="people",
        budget_class="people",
        protective=True,
    ),
    Webhook: ActionFacts(
        "webhook",
        undo=None,
        effect="another system is told, at least once, with the incident as idempotency key",
        exclusion_group="people",
        budget_class="people",
    ),
}

EXCLUSION_GROUPS = tuple(sorted({facts.exclusion_group for facts in ACTION_FACTS.values()}))


def facts_of(action: Action) -> ActionFacts:
    return ACTION_FACTS[type(action)]


def is_protective(action: Action, fallback_arm: str) -> bool:
    """Whether it may be done on missing data: it only ever makes the service more careful."""
    if isinstance(action, Route):
        return action.target == fallback_arm
    return facts_of(action).protective
