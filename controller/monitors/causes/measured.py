"""What changed in the counts of `segments`, table by table, as causes with sentences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from controller.core.causes import Cause
from controller.core.wording import percent
from controller.monitors.causes.feature_uses import (
    AGED,
    DEFAULTED,
    LOG_AGE,
    LOG_UNIT,
    NOT_FOUND,
    FeatureUses,
)
from controller.monitors.causes.groups import Groups
from controller.monitors.causes.open_values import WithOpenValues
from controller.monitors.causes.segments import (
    BASELINE_S,
    GUARD_S,
    LATE,
    QUICK_STEP_S,
    SHED,
    STEP_S,
    SegmentTally,
)
from controller.statistics.causes_inputs import input_causes
from controller.statistics.causes_rates import RateCause, rate_causes, whole_change

Codes = NDArray[np.int64]

MOST_CAUSES = 3
"""Of one table."""
CERTAIN_Z = 5.0
"""Of a change of all requests; by chance once in 2 million looks."""
LEAST_BAD_CHANGE = 0.01
LEAST_DEFAULT_CHANGE = 0.02
LEAST_NULL_CHANGE = 0.05
LEAST_USES = 30
CLICKS_ON_THE_WAY_S = 5.0


class Windows(NamedTuple):
    """Lengths of what is called now, in seconds, by table."""

    answers_s: float
    clicks_s: float
    inputs_s: float
    uses_s: float


@dataclass(frozen=True, slots=True)
class Measured:
    """``is_certain``: the whole changed, or some group beyond chance."""

    causes: tuple[Cause, ...]
    is_certain: bool
    is_pipeline: bool = False


def bad_answers(tally: SegmentTally, at_s: float, now_s: float) -> Measured:
    """Of answers late, failed, shed, or by another arm than the one drawn."""
    start_s = at_s - now_s
    start_s -= start_s % QUICK_STEP_S
    quick, requests, opened = tally.quick, tally.requests, tally.opened
    usual, fixed, own = _baseline(start_s), requests, opened.requests
    if not requests.times(*usual):
        usual, fixed, own = _youth(start_s), quick, opened.quick
    groups = WithOpenValues(tally.groups, names := opened.names())
    before = opened.series(own, names, fixed.times(*usual))
    steps = np.concatenate((fixed.series(*usual), before), axis=1)
    lately = start_s, at_s + QUICK_STEP_S
    after = opened.series(opened.quick, names, quick.times(*lately)).sum(axis=0)
    now = np.concatenate((quick.window(*lately), after))[None]
    bad = slice(LATE, None)
    return _of_rates(_rates(steps, bad), _rates(now, bad)[0], groups, "bad answers", rising=True)


def clicks(tally: SegmentTally, at_s: float, now_s: float) -> Measured:
    """Of clicks per request, of requests as old as the attribution window."""
    matured_s = at_s - tally.window_s - CLICKS_ON_THE_WAY_S
    matured_s -= matured_s % STEP_S
    start_s = matured_s - now_s
    both = []
    usual = _baseline(start_s)
    usual = usual if tally.requests.times(*usual) else _youth(start_s)
    for begins_s, ends_s in (usual, (start_s, matured_s)):
        requests = tally.requests.series(begins_s, ends_s)
        asked = requests.sum(axis=2) - requests[:, :, SHED]
        times = tally.requests.times(begins_s, ends_s)
        clicked = np.array([tally.clicks.window(t, t + STEP_S)[:, 0] for t in times], np.int64)
        clicked = clicked.reshape(asked.shape)
        both.append(np.stack((asked, np.minimum(clicked, asked)), axis=2))
    return _of_rates(both[0], both[1].sum(axis=0), tally.groups, "clicks per request", rising=False)


def inputs(tally: SegmentTally, at_s: float, now_s: float) -> Measured:
    """Of the model's inputs. Nulls make it a broken pipeline."""
    start_s = at_s - now_s
    start_s -= start_s % STEP_S
    before = tally.sample.rows(*_baseline(start_s))
    if not before.hashes.size:
        before = tally.sample.rows(*_youth(start_s))
    now = tally.sample.rows(start_s, at_s + STEP_S)
    groups = tally.groups
    found = input_causes(
        before.values,
        now.values,
        groups.of_codes(before.codes).T,
        groups.of_codes(now.codes).T,
        groups.parents,
        MOST_CAUSES,
    )
    causes = []
    for each in found:
        feature = tally.sample.features[each.feature]
        where = groups.name(each.group)
        if abs(each.null_change) >= LEAST_NULL_CHANGE:
            said = f"null in {percent(_shown(each.null_change, 3))} more of its rows"
        else:
            said = f"moved by {each.shift_sd:+.2f} sd"
        kind, what = ("segment", f"{where}: {feature}") if each.group else ("feature", feature)
        of = f" of {where}" if each.group else ""
        sentence = f"{feature}{of} {said} (n={each.support})"
        causes.append(Cause(kind, what, round(each.share, 3), each.support, sentence))
    return Measured(
        tuple(causes), bool(causes), any(e.null_change >= LEAST_NULL_CHANGE for e in found)
    )


def feature_uses(uses: FeatureUses, at_s: float, now_s: float) -> Measured:
    """Of features as they were used: defaulted, not found, or older than they usually are."""
    start_s = at_s - now_s
    start_s -= start_s % QUICK_STEP_S
    steps = uses.tables.series(*_baseline(start_s))
    if not len(steps):
        steps = uses.tables.series(*_youth(start_s))
    now = uses.tables.window(start_s, at_s + QUICK_STEP_S)
    causes = []
    for place, name in enumerate(uses.names):
        if not place or not len(steps):
            continue
        said = _fared(steps[:, place], now[place])
        if said:
            support = int(now[place, [AGED, DEFAULTED, NOT_FOUND]].sum())
            sentence = f"features {name} {'; '.join(said)} (n={support})"
            causes.append(Cause("group", name, None, support, sentence))
    return Measured(tuple(causes[:MOST_CAUSES]), bool(causes), bool(causes))


def _fared(steps: Codes, now: Codes) -> list[str]:
    """What became worse of one group; steps in shape (steps, cells)."""
    found = []
    for cell, word in ((DEFAULTED, "defaulted"), (NOT_FOUND, "not found")):
        asked = steps[:, AGED] + steps[:, cell]
        pair = np.stack((asked, steps[:, cell]), axis=1)[:, None]
        last = np.array([[now[AGED] + now[cell], now[cell]]])
        change, z = whole_change(pair, last)
        if change >= LEAST_DEFAULT_CHANGE and z >= CERTAIN_Z and last[0, 0] >= LEAST_USES:
            found.append(f"{word} in {percent(_shown(change, 3))} more of their uses")
    used = steps[steps[:, AGED] > 0]
    if len(used) >= 3 and now[AGED] >= LEAST_USES:
        ages = used[:, LOG_AGE] / used[:, AGED]
        change = now[LOG_AGE] / now[AGED] - float(np.median(ages))
        if change >= LOG_UNIT and change >= CERTAIN_Z * float(np.std(ages)):
            found.append(f"are {2.0 ** (change / LOG_UNIT):.2g} times as old as usual")
    return found


def _of_rates(
    steps: Codes, now: Codes, groups: Groups | WithOpenValues, what: str, *, rising: bool
) -> Measured:
    change, z = whole_change(steps, now)
    least = LEAST_BAD_CHANGE if rising else 0.0
    all_changed = abs(z) >= CERTAIN_Z and (change > 0.0) == rising and abs(change) >= least
    if not len(steps):
        return Measured((), is_certain=False)
    may_be_new = groups.may_be_new if isinstance(groups, WithOpenValues) else None
    found = rate_causes(
        steps,
        now,
        groups.parents,
        MOST_CAUSES,
        rising=rising,
        columns=groups.column_of_values,
        may_be_new=may_be_new,
    )
    causes = [_rate_cause(each, groups, what) for each in found]
    if all_changed and not (found and found[0].share >= 0.5):
        before = steps[:, 0].sum(axis=0)
        rates = (before[1] / before[0], now[0, 1] / now[0, 0])
        whole = RateCause(0, 1.0, int(now[0, 0]), 0.0, *map(float, rates))
        causes = [_rate_cause(whole, groups, what), *causes][:MOST_CAUSES]
    return Measured(tuple(causes), all_changed or bool(found))


def _rate_cause(found: RateCause, groups: Groups | WithOpenValues, what: str) -> Cause:
    before, now = percent(_shown(found.before, 3)), percent(_shown(found.now, 3))
    name = groups.name(found.group)
    sentence = f"{what} of {name} went from {before} to {now} (n={found.support})"
    if found.group:
        sentence += f", {found.share:.0%} of the change"
    kind = "arm" if groups.is_arm(found.group) else "segment"
    return Cause(kind, name, round(found.share, 3), found.support, sentence)


def _rates(tables: Codes, bad: slice) -> Codes:
    """(requests, bad ones) of tables in shape (steps, groups, cells)."""
    return np.stack((tables.sum(axis=2), tables[:, :, bad].sum(axis=2)), axis=2)


def _baseline(start_s: float) -> tuple[float, float]:
    """Whole steps of an hour before, not the last ones."""
    ends_s = start_s - GUARD_S
    ends_s -= ends_s % STEP_S
    return ends_s - BASELINE_S, ends_s


def _youth(start_s: float) -> tuple[float, float]:
    """What there is before now of a service that has not been watched for longer."""
    return start_s - GUARD_S, start_s


def _shown(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")
