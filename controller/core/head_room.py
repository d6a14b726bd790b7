"""Law 10: no move onto an arm without head-room.

Predicted utilization = the rate that will reach the target / its capacity, where capacity is what
the settings say, else the lower of what was measured (an arm inside the routers) and throughput /
(1 - head_room), by the utilization law the monitor learns it with. Readings are behind what was
just decided, so the rate is the larger of two: what reaches the target now and what is to be moved;
and the most of the users that any of the claims there are could ever send it. So a claim that is
under way, given back in part, or outdone by another counts in full: what it may grow to, or fall
back on, was asked for when it was made.
"""

from __future__ import annotations

from collections.abc import Sequence

from controller.core.actions import routes_of
from controller.core.claims import Claim
from controller.core.draft import Draft, active_claims
from controller.core.playbook import Move, Route
from controller.core.readings import Labels, ReadingState, SignalKey
from controller.core.refusal import Refused
from controller.core.wording import percent

HEAD_ROOM = "head_room"
CAPACITY = "arm_capacity_per_s"
ARM_RATE = "arm_rate_per_s"
ARM_BAD = "arm_bad"
USER_RATE = "request_rate_per_s"
DEAD = 0.5
"""An arm more of whose attempts are bad heals nobody."""


def short_of_head_room(draft: Draft, moves: Sequence[Move]) -> tuple[Refused, ...]:
    """The arms these routes together would load beyond the limit. Unknown refuses nothing."""
    limit = draft.settings.limits.most_utilization
    routes = routes_of((move.action for move in moves), draft.at_s)
    found = []
    for arm in _loaded_by(draft, routes):
        utilization = utilization_after(draft, arm, routes)
        if utilization is not None and utilization > limit:
            onto = [route for route in routes if route.target == arm]
            what = " and ".join(f"{percent(each.share)} of {each.source}" for each in onto)
            sentence = (
                f"{arm} would be {percent(round(utilization, 3))} utilized with "
                f"{what or 'what is passed on to it'} on it, at most {percent(limit)} may be"
            )
            key = f"head-room {arm}"
            found.append(Refused("head-room", key, sentence, lets_join=True, needs_a_person=True))
    return tuple(found)


def onto_a_dead_arm(draft: Draft, moves: Sequence[Move]) -> tuple[Refused, ...]:
    """The routes to an arm most of whose attempts are bad, and no fewer than their source's."""
    found = []
    for route in routes_of((move.action for move in moves), draft.at_s):
        bad, of_source = bad_share(draft, route.target), bad_share(draft, route.source)
        if bad is not None and bad > DEAD and bad >= (of_source or 0.0):
            said = (
                f"{percent(round(bad, 3))} of the attempts at {route.target} are bad, "
                f"which this would move traffic to"
            )
            key = f"dead {route.target}"
            found.append(Refused("target", key, said, lets_join=True, needs_a_person=True))
    return tuple(found)


def _loaded_by(draft: Draft, routes: Sequence[Claim]) -> list[str]:
    """The targets, and the fallback where it gets what a target that is drained passes on."""
    targets = list(dict.fromkeys(route.target for route in routes))
    fallback = draft.baseline.control_arm
    passed_on = _most_share(draft, fallback, routes) > _most_share(draft, fallback, ())
    return [*targets, fallback] if passed_on and fallback not in targets else targets


def is_unknown(draft: Draft, action: Route) -> bool:
    """Whether nobody can say what the target would bear; a move then goes in judged stages."""
    arm = draft.settings.arms.get(action.target)
    if arm is not None and arm.in_process and arm.capacity_per_s is None:
        return False  # it has no replicas to overload: it answers from the router's memory
    return utilization_after(draft, action.target, routes_of([action], draft.at_s)) is None


def bad_share(draft: Draft, arm: str) -> float | None:
    """Of the attempts at the arm, those that failed or were late; None where it is not `ok`."""
    return _ok(draft, ARM_BAD, _of(arm))


def utilization_after(draft: Draft, target: str, routes: Sequence[Claim]) -> float | None:
    """0 to 1 and more, with these routes taking their share of what their sources get now.

    None where the capacity, or both of the rates it takes, are not `ok`.
    """
    rate = _ok(draft, ARM_RATE, _of(target))
    capacity_per_s = _capacity_per_s(draft, target, rate)
    if capacity_per_s is None:
        return None
    seen, planned = _seen_per_s(draft, target, rate, routes), _planned_per_s(draft, target, routes)
    known = [each for each in (seen, planned) if each is not None]
    return max(known) / capacity_per_s if known else None


def _seen_per_s(
    draft: Draft, target: str, rate: float | None, routes: Sequence[Claim]
) -> float | None:
    moved = [_moved_per_s(draft, route) for route in routes if route.target == target]
    known = [each for each in moved if each is not None]
    return (rate or 0.0) + sum(known) if len(known) == len(moved) else None


def _planned_per_s(draft: Draft, target: str, routes: Sequence[Claim]) -> float | None:
    users_per_s = _ok(draft, USER_RATE)
    return None if users_per_s is None else users_per_s * _most_share(draft, target, routes)


def _most_share(draft: Draft, arm: str, routes: Sequence[Claim]) -> float:
    """The most that these routes, and any of those held, in any of their stages, give the arm."""
    base = {name: each.share for name, each in draft.baseline.arms.items()}
    claims = [*(c for c in active_claims(draft.state) if c.kind == "route"), *routes]
    drained = {claim.source for claim in claims}
    fallback = draft.baseline.control_arm

    def reaches(claim: Claim) -> bool:
        passes_on = claim.target in drained or claim.target not in base
        return claim.target == arm or (arm == fallback and passes_on)

    from_others = (
        share * max((c.share for c in claims if c.source == name and reaches(c)), default=0.0)
        for name, share in base.items()
        if name != arm
    )
    return base.get(arm, 0.0) + sum(from_others)


def _moved_per_s(draft: Draft, route: Claim) -> float | None:
    of_source = _ok(draft, ARM_RATE, _of(route.source))
    return None if of_source is None else of_source * route.share


def _capacity_per_s(draft: Draft, arm: str, rate: float | None) -> float | None:
    settings = draft.settings.arms.get(arm)
    if settings is not None and settings.capacity_per_s is not None:
        return settings.capacity_per_s
    known = [_ok(draft, CAPACITY, _of(arm)), _by_what_is_left(draft, arm, rate)]
    return min((each for each in known if each), default=None)


def _by_what_is_left(draft: Draft, arm: str, rate: float | None) -> float | None:
    left = _ok(draft, HEAD_ROOM, _of(arm))
    if left is None or not rate or left >= 1.0:
        return None
    return rate / (1.0 - left)


def _of(arm: str) -> Labels:
    return (("arm", arm),)


def _ok(draft: Draft, signal: str, labels: Labels = ()) -> float | None:
    window_s = draft.settings.default_windows_s.get(signal, 0.0)
    reading = draft.readings.get(SignalKey(signal, labels, window_s))
    if reading is None or reading.state is not ReadingState.OK:
        return None
    return reading.value
