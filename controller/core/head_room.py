"""Law 10: no move onto an arm without head-room.

Predicted utilization = (what reaches the target now + what would be moved) / its capacity, where
capacity = throughput / (1 - head_room), by the utilization law the monitor learns it with.
"""

from __future__ import annotations

from collections.abc import Sequence

from controller.core.draft import Draft
from controller.core.playbook import Move, Route
from controller.core.readings import ReadingState, SignalKey
from controller.core.refusal import Refused
from controller.core.wording import percent

HEAD_ROOM = "head_room"
ARM_RATE = "arm_rate_per_s"
ARM_BAD = "arm_bad"


def short_of_head_room(draft: Draft, moves: Sequence[Move]) -> tuple[Refused, ...]:
    """The routes whose target would be loaded beyond the limit. Unknown is not refused here."""
    limit = draft.settings.limits.most_utilization
    found = []
    for move in moves:
        action = move.action
        if not isinstance(action, Route):
            continue
        utilization = utilization_after(draft, action.source, action.target, action.share)
        if utilization is not None and utilization > limit:
            sentence = (
                f"{action.target} would be {percent(round(utilization, 3))} utilized with "
                f"{percent(action.share)} of {action.source} on it, at most {percent(limit)} may be"
            )
            key = f"head-room {action.target}"
            found.append(Refused("head-room", key, sentence, lets_join=True, needs_a_person=True))
    return tuple(found)


def is_unknown(draft: Draft, action: Route) -> bool:
    """Whether nobody can say what the target would bear; a move then goes in judged stages."""
    arm = draft.settings.arms.get(action.target)
    if arm is not None and arm.in_process and arm.capacity_per_s is None:
        return False  # it has no replicas to overload: it answers from the router's memory
    return utilization_after(draft, action.source, action.target, action.share) is None


def bad_share(draft: Draft, arm: str) -> float | None:
    """Of the attempts at the arm, those that failed or were late; None where it is not `ok`."""
    return _ok(draft, ARM_BAD, arm)


def utilization_after(draft: Draft, source: str, target: str, share: float) -> float | None:
    """0 to 1 and more; None where one of the readings it takes is not `ok`."""
    rate = _ok(draft, ARM_RATE, target)
    moved = _ok(draft, ARM_RATE, source)
    capacity_per_s = _capacity_per_s(draft, target, rate)
    if capacity_per_s is None or moved is None:
        return None
    return ((rate or 0.0) + moved * share) / capacity_per_s


def _capacity_per_s(draft: Draft, arm: str, rate: float | None) -> float | None:
    settings = draft.settings.arms.get(arm)
    if settings is not None and settings.capacity_per_s is not None:
        return settings.capacity_per_s
    left = _ok(draft, HEAD_ROOM, arm)
    if left is None or not rate or left >= 1.0:
        return None
    return rate / (1.0 - left)


def _ok(draft: Draft, signal: str, arm: str) -> float | None:
    window_s = draft.settings.default_windows_s.get(signal, 0.0)
    reading = draft.readings.get(SignalKey(signal, (("arm", arm),), window_s))
    if reading is None or reading.state is not ReadingState.OK:
        return None
    return reading.value
