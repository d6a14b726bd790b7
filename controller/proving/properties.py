"""What must never happen, read off one stretch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise, takewhile

from controller.core.plan import Plan
from controller.core.returning import STAGE_FAILURES_LIMIT
from controller.core.state import Incident
from controller.proving.run import Stretch
from controller.proving.world import Disturbance, share_of

MOST_ON_A_DEAD_ARM = 0.25
TURNS = 6
"""Turns of direction: there and back, three times. The third failed stage of a return pages."""
TELLING = frozenset({"notify", "webhook"})


@dataclass(frozen=True, slots=True)
class Fault:
    """``property`` is one of the keys of `PROPERTIES`, ``of`` the arm, field or playbook."""

    property: str
    of: str
    sentence: str
    playbooks: tuple[str, ...]


PROPERTIES = {
    "ends": "every incident ends once nothing is wrong any more, or a person was paged for it",
    "ping-pong": "nothing in the plan goes back and forth without a person being told",
    "dead-arm": "no traffic stays on a dead arm without a person being told",
    "return": "no traffic is returned into an arm that is still dead",
}


def faults_of(path: Sequence[Stretch]) -> list[Fault]:
    """Every property that the last stretch of the path breaks."""
    stretch = path[-1]
    return [
        *_returns_into_dead(stretch),
        *_ping_pong(stretch),
        *_stays_on_dead(path),
        *_never_ends(stretch),
    ]


def _never_ends(stretch: Stretch) -> Iterable[Fault]:
    if stretch.wrong or (stretch.ran_out and _still_acts(stretch)):
        return
    for incident in stretch.after.state.incidents:
        if not _waits_for_a_person(incident):
            name = incident.playbook.name
            said = f"{incident.id} stays {incident.phase.value} although nothing is wrong any more"
            yield Fault("ends", name, said, (name,))


def _still_acts(stretch: Stretch) -> bool:
    last_s = stretch.commits[-1].at_s if stretch.commits else stretch.before.at_s
    return stretch.after.at_s - last_s < (stretch.after.at_s - stretch.before.at_s) / 4


def _waits_for_a_person(incident: Incident) -> bool:
    return incident.stage_failures >= STAGE_FAILURES_LIMIT and not incident.acknowledged_by


def _returns_into_dead(stretch: Stretch) -> Iterable[Fault]:
    dead = {each.arm for each in stretch.wrong if each.kind == "dead"}
    before = stretch.before.plan
    for commit in stretch.commits:
        if commit.at_s > stretch.before.at_s + 60.0:  # readings of before are still believed
            for arm in sorted(dead):
                returning = [
                    r for r in commit.records if r.phase in ("returning", "recovered", "expired")
                ]
                if returning and share_of(commit.plan, arm) > share_of(before, arm) + 1e-6:
                    names = tuple(sorted({r.playbook or "" for r in returning}))
                    said = f"traffic is returned into {arm}, which is dead: {returning[0].sentence}"
                    yield Fault("return", arm, said, names)
                    return
        before = commit.plan


def _stays_on_dead(path: Sequence[Stretch]) -> Iterable[Fault]:
    stretch = path[-1]
    for dead in sorted(each for each in stretch.wrong if each.kind == "dead"):
        share, arm = share_of(stretch.after.plan, dead.arm), dead.arm
        since = takewhile(partial(_is_wrong, dead), reversed(path))
        if share > MOST_ON_A_DEAD_ARM and not any(map(_is_told, since)):
            said = f"{share:.0%} of the traffic stays on {arm}, which is dead, and nobody is told"
            yield Fault("dead-arm", arm, said, tuple(sorted(_open(stretch))))


def _is_wrong(what: Disturbance, stretch: Stretch) -> bool:
    return what in stretch.wrong


def _ping_pong(stretch: Stretch) -> Iterable[Fault]:
    told = False
    values: dict[str, list[float]] = {}
    names: dict[str, set[str]] = {}
    held = _fields(stretch.before.plan)
    for commit in stretch.commits:
        told = told or _tells(commit.plan, stretch.before.at_s)
        if told:
            return
        now = _fields(commit.plan)
        for field in sorted({*now, *held}):
            before, value = held.get(field, 0.0), now.get(field, 0.0)
            if value == before:
                continue
            seen = values.setdefault(field, [before])
            seen.append(value)
            names.setdefault(field, set()).update(r.playbook for r in commit.records if r.playbook)
            if _turns(seen) >= TURNS:
                said = f"{field} goes back and forth: {', '.join(f'{each:g}' for each in seen)}"
                yield Fault("ping-pong", field, said, tuple(sorted(names[field])))
                return
        held = now


def _turns(seen: list[float]) -> int:
    steps = [after - before for before, after in pairwise(seen)]
    return sum(one * other < 0.0 for one, other in pairwise(steps))


def _fields(plan: Plan) -> dict[str, float]:
    """Every field of the plan that playbooks move, as a number."""
    arms = {f"share of {name}": arm.share for name, arm in plan.arms.items()}
    replicas = {f"replicas of {name}": float(arm.replicas or 0) for name, arm in plan.arms.items()}
    others = {"cache_ttl_s": plan.cache_ttl_s, "shed_share": plan.shed_share}
    frozen = {f"freeze of {name}": 1.0 for name in plan.frozen}
    return {**arms, **replicas, **others, **frozen}


def _is_told(stretch: Stretch) -> bool:
    return any(_tells(commit.plan, stretch.before.at_s) for commit in stretch.commits)


def _tells(plan: Plan, since_s: float) -> bool:
    return any(work.kind in TELLING and work.decided_at_s > since_s for work in plan.wanted)


def _open(stretch: Stretch) -> set[str]:
    return {incident.playbook.name for incident in stretch.after.state.incidents}
