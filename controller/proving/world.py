"""A small world for the judge: what is wrong with it, and the readings that follow from the plan.

Signals of an arm's health are bad while the arm is dead, or while it is one that fails under load
and has traffic. What users see is bad while they are sent to an arm that is dead. Everything else
is as the disturbances say. Time goes in ticks of half a minute.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from controller.core.binding import bind, targets_of
from controller.core.conditions import comparisons, key_of
from controller.core.plan import Plan
from controller.core.playbook import CacheTtl, Playbook, Scale
from controller.core.readings import (
    PLAN_ADOPTED_EPOCH,
    PLAN_ADOPTED_REVISION,
    Reading,
    Readings,
    ReadingState,
    SignalKey,
)
from controller.core.settings import JudgeSettings
from controller.proving.cells import Cell

TICK_S = 30.0
HEALTH = ("arm_bad", "arm_latency_ms", "probe_bad", "probe_latency_ms")
USERS = ("degraded_share", "latency_ms", "request_errors", "route_errors", "route_latency_ms")
ARM_RATE = "arm_rate_per_s"
RATE_PER_S = 50.0
LOADED = 0.3
"""From this share of the traffic on, an arm that fails under load fails."""
HURT = 0.05
"""From this share of users on a dead arm, what users see is bad."""

Kind = Literal["dead", "overloads", "bad", "unknown", "seesaw"]


@dataclass(frozen=True, slots=True, order=True)
class Disturbance:
    """One thing that is wrong, for as long as it lasts.

    ``dead`` and ``overloads``: of an arm. ``bad`` and ``unknown``: of a signal. ``seesaw``: two
    signals of which one is bad while a field of the plan has the value that mends the other.
    """

    kind: Kind
    arm: str = ""
    key: SignalKey | None = None
    other: SignalKey | None = None
    field: str = ""
    value: float = 0.0

    def __str__(self) -> str:
        match self.kind:
            case "dead":
                return f"{self.arm} is dead"
            case "overloads":
                return f"{self.arm} fails under load"
            case "bad":
                return f"{self.key} is bad"
            case "unknown":
                return f"{self.key} is unknown"
            case "seesaw":
                return f"{self.field} of {self.value:g} mends {self.key} and spoils {self.other}"


def disturbances(
    playbooks: Iterable[Playbook], cells: Mapping[SignalKey, Cell], settings: JudgeSettings
) -> tuple[Disturbance, ...]:
    """Everything that can be wrong, one thing each."""
    found = [Disturbance(kind, arm) for arm in settings.arms for kind in ("dead", "overloads")]
    asked = {series(key) for key, cell in cells.items() if cell.asked_by_when}
    for key in sorted({series(key) for key in cells}):
        if key in asked and key.name != ARM_RATE:
            found.append(Disturbance("bad", key=key))
        found.append(Disturbance("unknown", key=key))
    return (*found, *_seesaws(playbooks, settings))


Shown = Mapping[SignalKey, tuple[ReadingState, float | None]]
"""What each signal shows, for as long as neither the plan nor what is wrong changes."""


def shown(
    plan: Plan,
    cells: Mapping[SignalKey, Cell],
    wrong: frozenset[Disturbance],
    settings: JudgeSettings,
) -> Shown:
    """What the monitors would show, had the routers taken the plan at once."""
    found = {key: _state_and_value(cell, plan, wrong, settings) for key, cell in cells.items()}
    for key, number in ((PLAN_ADOPTED_EPOCH, plan.epoch), (PLAN_ADOPTED_REVISION, plan.revision)):
        found[key] = (ReadingState.OK, float(number))
    for arm in settings.arms:
        window_s = settings.default_windows_s.get("arm_bad", 0.0)
        key = SignalKey("arm_bad", (("arm", arm),), window_s)
        if key not in found:
            bad = _is_sick(arm, plan, wrong)
            found[key] = (ReadingState.OK, 1.0 if bad else 0.0)
    return found


def readings(at_s: float, said: Shown) -> Readings:
    """The same as readings of one tick."""
    return {key: _reading(at_s, each) for key, each in said.items()}


def share_of(plan: Plan, arm: str) -> float:
    """Of the users, those who are drawn to the arm, the standing control left out."""
    found = plan.arms.get(arm)
    return 0.0 if found is None else found.share


def series(key: SignalKey) -> SignalKey:
    """The signal at any window: what ails it ails it at all of them."""
    return SignalKey(key.name, key.labels)


def is_health_of(key: SignalKey, arm: str) -> bool:
    return _is_named(key, HEALTH) and dict(key.labels).get("arm") == arm


def _state_and_value(
    cell: Cell, plan: Plan, wrong: frozenset[Disturbance], settings: JudgeSettings
) -> tuple[ReadingState, float | None]:
    key = cell.key
    if Disturbance("unknown", key=series(key)) in wrong:
        return ReadingState.INSUFFICIENT, None
    arm = dict(key.labels).get("arm", "")
    if key.name == ARM_RATE and arm:
        return ReadingState.OK, RATE_PER_S * share_of(plan, arm)
    if arm and is_health_of(key, arm) and _is_idle(plan, arm, settings):
        return ReadingState.IDLE, None
    return ReadingState.OK, cell.bad if _is_bad(cell, arm, plan, wrong) else cell.good


def _is_bad(cell: Cell, arm: str, plan: Plan, wrong: frozenset[Disturbance]) -> bool:
    key = series(cell.key)
    if Disturbance("bad", key=key) in wrong:
        return True
    if arm and is_health_of(key, arm):
        return _is_sick(arm, plan, wrong)
    if _is_named(key, USERS) and not key.labels:
        return sum(share_of(plan, a) for a in plan.arms if _is_sick(a, plan, wrong)) > HURT
    for each in wrong:
        if each.kind == "seesaw" and key in (each.key, each.other):
            mended = _field(plan, each.field) == each.value
            return mended if key == each.other else not mended
    return False


def _is_sick(arm: str, plan: Plan, wrong: frozenset[Disturbance]) -> bool:
    overloads = Disturbance("overloads", arm) in wrong and share_of(plan, arm) >= LOADED
    return overloads or Disturbance("dead", arm) in wrong


def _is_idle(plan: Plan, arm: str, settings: JudgeSettings) -> bool:
    return (
        share_of(plan, arm) == 0.0
        and plan.probe_per_s.get(arm, 0.0) == 0.0
        and not (arm == plan.control_arm and settings.control_share > 0.0)
    )


def _is_named(key: SignalKey, names: Iterable[str]) -> bool:
    return any(key.name == name or key.name.startswith(f"{name}.") for name in names)


def _reading(at_s: float, said: tuple[ReadingState, float | None]) -> Reading:
    state, value = said
    note = "" if state is ReadingState.OK else "the proof says so"
    return Reading(value, state, 1_000, at_s - TICK_S / 2, at_s, note)


def _seesaws(playbooks: Iterable[Playbook], settings: JudgeSettings) -> list[Disturbance]:
    """Two playbooks that set one field to two values: each value may spoil what the other mends."""
    wants = []
    for playbook in playbooks:
        for target in targets_of(playbook, settings):
            bound = bind(playbook, target)
            keys = sorted(_asked_by_when(bound, settings))
            for rung in bound.rungs:
                for move in rung:
                    if isinstance(move.action, CacheTtl):
                        wants.append(("cache_ttl_s", move.action.ttl_s, keys))
                    elif isinstance(move.action, Scale):
                        field = f"replicas of {move.action.arm}"
                        wants.append((field, float(move.action.replicas), keys))
    return [
        Disturbance("seesaw", key=a, other=b, field=field, value=value)
        for (field, value, ours), (field_2, value_2, theirs) in combinations(wants, 2)
        if field == field_2 and value != value_2
        for a in ours
        for b in theirs
        if a != b
    ]


def _asked_by_when(playbook: Playbook, settings: JudgeSettings) -> set[SignalKey]:
    return {series(key_of(leaf.quantity, settings)) for leaf in comparisons(playbook.when)}


def _field(plan: Plan, field: str) -> float:
    if field == "cache_ttl_s":
        return plan.cache_ttl_s
    arm = plan.arms.get(field.removeprefix("replicas of "))
    return float(arm.replicas or 0) if arm is not None else 0.0
