"""What a playbook promises, read from its plain YAML data: guards, policy, how long it may take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simulator.invariants.text import budget, compared, expected, leaves, seconds

SLACK_S = 120.0
"""For lag, elections and a few ticks between phases."""


@dataclass(frozen=True, slots=True)
class Promise:
    """``patience_s``: how long an incident of it may stand still while nothing is wrong."""

    name: str
    when: Any
    no_data: str
    for_each: str | None
    cooldown_s: float
    budget_count: int
    budget_per_s: float
    patience_s: float


def promises(
    playbooks: Sequence[Mapping[str, Any]],
    default_windows_s: Mapping[str, float],
    adoption_timeout_s: float,
) -> dict[str, Promise]:
    """By name. Raise ValueError or KeyError for a text that is no playbook."""
    return {
        str(text["playbook"]): _promise(text, default_windows_s, adoption_timeout_s)
        for text in playbooks
    }


def _promise(
    text: Mapping[str, Any], default_windows_s: Mapping[str, float], adoption_timeout_s: float
) -> Promise:
    guards: Mapping[str, Any] = text.get("guards") or {}
    count, per_s = budget(str(guards.get("budget", "3 per 1h")))
    rungs = [text["do"], *(text.get("otherwise") or [])]
    verifying_s = sum(adoption_timeout_s + _slowest(rung) for rung in rungs)
    returning_s = max(
        (_return_s(move["route"]) for r in rungs for move in r if "route" in move), default=0.0
    )
    clearing_s = max(
        for_s + _window_s(leaf, default_windows_s) for leaf, _, for_s in leaves(text["clear_when"])
    )
    return Promise(
        name=str(text["playbook"]),
        when=text["when"],
        no_data=str(text["no_data"]),
        for_each=text.get("for_each"),
        cooldown_s=seconds(str(guards.get("cooldown", "10m"))),
        budget_count=count,
        budget_per_s=per_s,
        patience_s=verifying_s + clearing_s + returning_s + SLACK_S,
    )


def _slowest(rung: Sequence[Mapping[str, Any]]) -> float:
    return max((found[1] for move in rung if (found := expected(move))), default=0.0)


def _return_s(route: Mapping[str, Any]) -> float:
    back = route.get("return", [10, 50, 100])
    if isinstance(back, Mapping):
        return len(back["stages"]) * seconds(str(back.get("every", "30s")))
    return len(back) * 30.0


def _window_s(leaf: str, default_windows_s: Mapping[str, float]) -> float:
    condition = compared(leaf)
    if condition.window_s is not None:
        return condition.window_s
    return default_windows_s.get(condition.name, 0.0)
