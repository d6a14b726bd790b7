"""Sets what happened against what was expected, in order, up to the first difference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from controller.core.plan import Plan
from controller.core.wording import percent
from controller.rehearsal.model import PEOPLE_AND_WORKERS, Expected, ExpectedPlan, Rehearsal
from controller.rehearsal.values import moment_text
from controller.rehearsal.world import Happened

TIME_TOLERANCE_S = 1e-6
SHARE_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Row:
    """One line of both timelines; None where one of them has nothing."""

    expected: Expected | None
    happened: Happened | None
    differs: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """``why`` is empty when all is as expected, else it names the first difference.

    ``differs_at_s`` is the tick to look at: when it was due, or when the other thing happened.
    """

    rows: tuple[Row, ...]
    why: str = ""
    differs_at_s: float | None = None

    @property
    def as_expected(self) -> bool:
        return not self.why


def compare(rehearsal: Rehearsal, happened: Sequence[Happened]) -> Comparison:
    """With ``others: allowed`` records nobody expects are passed over; else only those that
    answer what the test itself said."""
    expected = list(rehearsal.expect)
    rows: list[Row] = []
    due = 0
    for place, each in enumerate(happened):
        if any(not mismatches(never, each) for never in rehearsal.never):
            said = f"{_named(each)} at {moment_text(each.at_s)} must never come"
            return Comparison((*rows, Row(None, each, differs=True)), said, each.at_s)
        if due < len(expected) and not mismatches(expected[due], each):
            rows.append(Row(expected[due], each))
            due += 1
            continue
        is_aside = each.record.phase in PEOPLE_AND_WORKERS
        if is_aside or rehearsal.others_allowed:
            rows.append(Row(None, each))
            continue
        return _differs(rehearsal, rows, due, happened[place:])
    if due < len(expected):
        return _missing(rehearsal, rows, due)
    return Comparison(tuple(rows))


def mismatches(expected: Expected, happened: Happened) -> tuple[str, ...]:
    """What of the record is not as expected, the phase first; empty when it is the one."""
    record = happened.record
    found = []
    if record.phase != expected.phase:
        found.append(f"its phase is {record.phase}, not {expected.phase}")
    early = happened.at_s < expected.first_s - TIME_TOLERANCE_S
    if early or happened.at_s > expected.last_s + TIME_TOLERANCE_S:
        found.append(f"it is at {moment_text(happened.at_s)}, not {when_text(expected)}")
    if expected.playbook is not None and record.playbook != expected.playbook:
        found.append(f"it is of {record.playbook or 'no playbook'}, not of {expected.playbook}")
    if expected.target is not None and not _is_about(happened, expected.target):
        found.append(f"it is not about {expected.target}")
    refused = {refusal.guard for refusal in record.guards}
    if not set(expected.guards) <= refused:
        guards = ", ".join(sorted(refused)) or "none"
        found.append(f"the guards are {guards}, not {', '.join(expected.guards)}")
    if expected.outcomes is not None:
        outcomes = tuple(record.details.get("outcomes", ()))
        if outcomes != expected.outcomes:
            said = ", ".join(outcomes) or "none"
            found.append(f"the outcomes are {said}, not {', '.join(expected.outcomes)}")
    if expected.sentence is not None and not expected.sentence.found_in(record.sentence):
        found.append(f"its sentence does not say {expected.sentence.text!r}")
    if expected.page is not None and not any(map(expected.page.found_in, happened.pages)):
        told = "other words" if happened.pages else "nobody was paged"
        found.append(f"no page says {expected.page.text!r} ({told})")
    if expected.plan is not None:
        found += _plan_mismatches(expected.plan, happened.plan)
    return tuple(found)


def when_text(expected: Expected) -> str:
    """``at 12s``, ``by 30s`` or ``within 10s and 15s``."""
    if expected.by:
        return f"by {moment_text(expected.last_s)}"
    if expected.first_s == expected.last_s:
        return f"at {moment_text(expected.last_s)}"
    return f"within {moment_text(expected.first_s)} and {moment_text(expected.last_s)}"


def _is_about(happened: Happened, target: str) -> bool:
    """A blocked playbook has no incident yet; its sentence begins with name and target."""
    record = happened.record
    if record.incident is not None:
        return record.incident.startswith(f"{record.playbook}-{target}-")
    return record.sentence.startswith(f"{record.playbook} ({target})")


def _plan_mismatches(expected: ExpectedPlan, plan: Plan) -> list[str]:
    found = []
    for arm, share in expected.shares.items():
        held = plan.arms[arm].share if arm in plan.arms else 0.0
        if abs(held - share) > SHARE_TOLERANCE:
            found.append(f"{arm} has {percent(held)} of the traffic, not {percent(share)}")
    if expected.shed_share is not None and abs(plan.shed_share - expected.shed_share) > 1e-6:
        found.append(f"{percent(plan.shed_share)} are shed, not {percent(expected.shed_share)}")
    if expected.cache_ttl_s is not None and plan.cache_ttl_s != expected.cache_ttl_s:
        wanted = moment_text(expected.cache_ttl_s)
        found.append(f"the cache keeps for {moment_text(plan.cache_ttl_s)}, not {wanted}")
    for arm, count in expected.replicas.items():
        replicas = plan.arms[arm].replicas if arm in plan.arms else None
        if replicas != count:
            found.append(f"{arm} has {replicas} replicas, not {count}")
    if expected.frozen is not None and tuple(sorted(plan.frozen)) != expected.frozen:
        held_names = ", ".join(plan.frozen) or "nothing"
        found.append(f"{held_names} is frozen, not {', '.join(expected.frozen) or 'nothing'}")
    kinds = {work.kind for work in plan.wanted}
    found += [f"{kind} is not wanted" for kind in expected.wanted if kind not in kinds]
    return found


def _differs(
    rehearsal: Rehearsal, rows: list[Row], due: int, rest: Sequence[Happened]
) -> Comparison:
    happened, expected = rest[0], rehearsal.expect[due:]
    said = f"{_named(happened)} at {moment_text(happened.at_s)}"
    if not expected:
        why, at_s = f"{said} was not expected: nothing more should happen", happened.at_s
    else:
        because = "; ".join(mismatches(expected[0], happened))
        why = f"expected {expected[0].phase} {when_text(expected[0])}, but came {said}: {because}"
        at_s = min(happened.at_s, expected[0].last_s)
    return Comparison((*rows, *_side_by_side(expected, rest)), why, at_s)


def _missing(rehearsal: Rehearsal, rows: list[Row], due: int) -> Comparison:
    expected = rehearsal.expect[due]
    last = next((place for place in range(len(rows), 0, -1) if rows[place - 1].expected), 0)
    passed = [row.happened for row in rows[last:] if row.happened is not None]
    why = f"{expected.phase} {when_text(expected)} never came"
    alike = [each for each in passed if each.record.phase == expected.phase]
    if alike:
        nearest = min(alike, key=lambda each: len(mismatches(expected, each)))
        because = "; ".join(mismatches(expected, nearest))
        why += f"; the nearest is {_named(nearest)} at {moment_text(nearest.at_s)}: {because}"
    left = _side_by_side(rehearsal.expect[due:], passed)
    return Comparison((*rows[:last], *left), why, expected.last_s)


def _side_by_side(expected: Sequence[Expected], happened: Sequence[Happened]) -> list[Row]:
    """What is left of both; the first row is the difference, after it same phases are paired."""
    if not expected or not happened:
        rest = [Row(each, None) for each in expected] + [Row(None, each) for each in happened]
        return [Row(row.expected, row.happened, differs=not i) for i, row in enumerate(rest)]
    first = Row(expected[0], happened[0], differs=True)
    left, right = list(expected[1:]), list(happened[1:])
    rows: list[Row] = [first]
    while left or right:
        if left and right and left[0].phase == right[0].record.phase:
            rows.append(Row(left.pop(0), right.pop(0)))
        elif right and not (left and _comes_later(right[0], left)):
            rows.append(Row(None, right.pop(0)))
        else:
            rows.append(Row(left.pop(0), None))
    return rows


def _comes_later(happened: Happened, expected: Sequence[Expected]) -> bool:
    return any(each.phase == happened.record.phase for each in expected)


def _named(happened: Happened) -> str:
    record = happened.record
    return f"{record.phase} of {record.incident or record.playbook or 'the service'}"
