"""What each action is: its exclusion group, whether it protects, its claim, its work, its words.

Add your own: a class in `playbook.py`, a line in `GROUPS`, and its case in the functions here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from controller.core.claims import Claim
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
from controller.core.wording import duration, percent

GROUPS: Mapping[type[Action], str] = {
    Route: "routing",
    Retrain: "training",
    Evaluate: "promotion",
    Promote: "promotion",
    Revert: "promotion",
    PrewarmCache: "caching",
    CacheTtl: "caching",
    Scale: "scaling",
    Shed: "shedding",
    Freeze: "freezing",
    Notify: "notifying",
    Webhook: "notifying",
}
"""`excludes` names a group or a playbook."""

PEOPLE = "people"
"""The budget class of what is never rationed."""
BUDGET_CLASSES: Mapping[type[Action], str] = {
    Route: "traffic",
    Shed: "traffic",
    Retrain: "work",
    Evaluate: "work",
    PrewarmCache: "work",
    Promote: "models",
    Revert: "models",
    CacheTtl: "capacity",
    Scale: "capacity",
    Freeze: PEOPLE,
    Notify: PEOPLE,
    Webhook: PEOPLE,
}
"""What each action is charged to in the service's rolling budgets."""
SERVICE = "service"

WORK_EXPIRES_S: Mapping[str, float] = {
    "retrain": 6 * 3600.0,
    "prewarm_cache": 600.0,
    "notify": 3600.0,
    "webhook": 3600.0,
}


def is_protective(action: Action, fallback_arm: str) -> bool:
    """Whether it may be taken on unknown counted as met."""
    match action:
        case Freeze() | Notify() | Shed():
            return True
        case Route():
            return action.target == fallback_arm
        case _:
            return False


def arms_of(action: Action) -> tuple[str, ...]:
    """The arms that must exist for it to make sense."""
    match action:
        case Route():
            return (action.source, action.target)
        case Retrain() | Evaluate() | Revert() | PrewarmCache() | Scale():
            return (action.arm,)
        case Promote():
            return tuple(arm for arm in (action.into, action.arm) if arm is not None)
        case _:
            return ()


def target_of(action: Action) -> str:
    """What it changes, for the budget of one target: an arm, or the service as a whole."""
    arms = arms_of(action)
    return arms[0] if arms else SERVICE


def routes_of(actions: Iterable[Action], at_s: float) -> list[Claim]:
    """What those of the actions that route traffic would claim, nobody's yet."""
    claims = (claim_of(each, "", 0, at_s, 0, 0) for each in actions if isinstance(each, Route))
    return [claim for claim in claims if claim is not None]


def claim_of(
    action: Action, owner: str, priority: int, at_s: float, rung: int, move: int
) -> Claim | None:
    """The claim of an action that changes the plan until it is taken back; None for the others."""
    match action:
        case Route():
            until_s = None if action.expires_s is None else at_s + action.expires_s
            return Claim(
                owner,
                "route",
                priority,
                at_s,
                source=action.source,
                target=action.target,
                share=action.share,
                until_s=until_s,
                where=dict(action.where),
                returns=action.returns,
                every_s=action.every_s,
                rung=rung,
                move=move,
            )
        case Shed():
            return Claim(owner, "shed", priority, at_s, number=action.share, rung=rung, move=move)
        case CacheTtl():
            return Claim(
                owner, "cache_ttl", priority, at_s, number=action.ttl_s, rung=rung, move=move
            )
        case Scale():
            return Claim(
                owner,
                "scale",
                priority,
                at_s,
                source=action.arm,
                number=float(action.replicas),
                rung=rung,
                move=move,
            )
        case Freeze():
            until_s = None if action.until_s is None else at_s + action.until_s
            return Claim(
                owner,
                "freeze",
                priority,
                at_s,
                source=action.what,
                until_s=until_s,
                rung=rung,
                move=move,
            )
        case _:
            return None


def work_of(action: Action) -> tuple[str, dict[str, Any], str | None] | None:
    """(kind, arguments, then) of an action that wants work; None for the others."""
    match action:
        case Retrain():
            then = None if action.then == "nothing" else action.then
            return "retrain", {"arm": action.arm, "data_s": action.data_s}, then
        case Notify():
            return "notify", {"channel": action.channel, "message": action.message}, None
        case Webhook():
            return "webhook", {"url": action.url, "body": dict(action.body)}, None
        case PrewarmCache():
            return "prewarm_cache", {"arm": action.arm}, None
        case _:
            return None


def action_text(action: Action) -> str:
    """What it does, after the playbook's name: ``routes 100 % of primary to fallback``."""
    match action:
        case Route():
            where = " and ".join(f"{k} is {v}" for k, v in sorted(action.where.items()))
            there = f" where {where}" if where else ""
            return f"routes {percent(action.share)} of {action.source} to {action.target}{there}"
        case Retrain():
            return f"retrains {action.arm} on the last {duration(action.data_s)}"
        case Evaluate():
            return f"asks to evaluate {action.candidate or 'a candidate'} for {action.arm}"
        case Promote():
            if action.arm is not None:
                return f"asks to promote arm {action.arm}"
            return f"asks to promote {action.version or 'a candidate'} into {action.into}"
        case Revert():
            return f"asks to revert the last promotion of {action.arm}"
        case PrewarmCache():
            return f"warms the cache of {action.arm}"
        case CacheTtl():
            return f"keeps cached slates for {duration(action.ttl_s)}"
        case Scale():
            return f"scales {action.arm} to {action.replicas} replicas"
        case Shed():
            return f"sheds {percent(action.share)} of requests"
        case Freeze():
            return f"freezes {action.what}"
        case Notify():
            return f"notifies {action.channel}"
        case Webhook():
            return f"calls {action.url}"
