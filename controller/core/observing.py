"""Every tick moves the timers of every condition, whether or not anything may be decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

from controller.core.binding import bind_condition, targets_of
from controller.core.by_id import ById
from controller.core.conditions import GAP_TICKS, TOLERANCE, Evaluation, Sight, Timer, evaluate
from controller.core.facts import Tick
from controller.core.phases import Phase
from controller.core.playbook import Condition, NoData, Playbook
from controller.core.readings import (
    PLAN_ADOPTED_EPOCH,
    PLAN_ADOPTED_REVISION,
    Readings,
    ReadingState,
)
from controller.core.state import Config, Expectation, Incident, JudgeState, Watch


@dataclass(frozen=True, slots=True)
class IncidentView:
    """What an incident's conditions came to; ``expects`` by place of the move."""

    when: Evaluation
    clear: Evaluation
    expects: Mapping[int, Evaluation]


@dataclass(frozen=True, slots=True)
class Observed:
    """One tick, evaluated. ``watches`` by (playbook, target), ``incidents`` by id."""

    readings: Readings
    watches: Mapping[tuple[str, str | None], Evaluation]
    incidents: Mapping[str, IncidentView]
    adopted: tuple[int, int] | None


def observe(state: JudgeState, config: Config, tick: Tick) -> tuple[JudgeState, Observed]:
    """The state with its timers moved on, and what was seen."""
    elapsed_s = _elapsed_s(state, config, tick)
    incidents = []
    views = {}
    for incident in state.incidents:
        moved, view = _observe_incident(incident, config, tick, elapsed_s)
        incidents.append(moved)
        views[incident.id] = view
    watches, evaluations = _observe_watches(state, config, tick, elapsed_s)
    moved_state = replace(
        state,
        at_s=tick.at_s,
        last_tick_s=tick.at_s,
        incidents=tuple(incidents),
        watches=watches,
    )
    return moved_state, Observed(tick.readings, evaluations, views, _adopted(tick.readings))


def restart_timers(state: JudgeState) -> JudgeState:
    """After an election nothing that was held before counts."""
    incidents = tuple(
        replace(
            each,
            when_timers=(),
            clear_timers=(),
            expectations=tuple(replace(e, timers=()) for e in each.expectations),
        )
        for each in state.incidents
    )
    return replace(state, incidents=incidents, watches=_without_timers(state), last_tick_s=None)


def in_order(playbooks: tuple[Playbook, ...]) -> list[Playbook]:
    """The order in which playbooks may act: the highest priority first, then by name."""
    return sorted(playbooks, key=lambda each: (-each.guards.priority, each.name))


def _without_timers(state: JudgeState) -> tuple[Watch, ...]:
    return tuple(replace(each, timers=()) for each in state.watches)


def _elapsed_s(state: JudgeState, config: Config, tick: Tick) -> float | None:
    if state.last_tick_s is None:
        return None
    elapsed_s = tick.at_s - state.last_tick_s
    longest_s = GAP_TICKS * config.settings.tick_s + TOLERANCE
    return elapsed_s if 0.0 < elapsed_s <= longest_s else None


def _observe_incident(
    incident: Incident, config: Config, tick: Tick, elapsed_s: float | None
) -> tuple[Incident, IncidentView]:
    playbook = incident.playbook
    sight = Sight(tick.readings, config.settings, elapsed_s, playbook.no_data)
    when = evaluate(playbook.when, incident.when_timers, sight)
    certain = replace(sight, may_assume=False)
    clear = evaluate(playbook.clear_when, incident.clear_timers, certain)
    expectations, expects = _observe_expectations(incident, certain)
    restarted = elapsed_s is None and incident.phase is Phase.RETURNING
    moved = replace(
        incident,
        when_timers=when.timers,
        clear_timers=clear.timers,
        expectations=expectations,
        stage_since_s=tick.at_s if restarted else incident.stage_since_s,
    )
    return moved, IncidentView(when, clear, expects)


def _observe_expectations(
    incident: Incident, sight: Sight
) -> tuple[tuple[Expectation, ...], dict[int, Evaluation]]:
    if incident.phase is not Phase.VERIFYING:
        return incident.expectations, {}
    after = replace(sight, since_s=incident.adopted_at_s)
    moved = []
    seen = {}
    for each in incident.expectations:
        expect = incident.playbook.rungs[incident.rung][each.move].expect
        if expect is not None and each.outcome == "pending":
            evaluation = evaluate(expect, each.timers, after)
            seen[each.move] = evaluation
            each = replace(each, timers=evaluation.timers)
        moved.append(each)
    return tuple(moved), seen


class Place(NamedTuple):
    """A playbook for one value of its `for_each`, with its `when` for that value."""

    playbook: Playbook
    target: str | None
    when: Condition


def places(config: Config) -> tuple[Place, ...]:
    """Every playbook and target that is loaded, in the order in which they may act."""
    return _places(ById(config))


@lru_cache(maxsize=8)
def _places(config: ById[Config]) -> tuple[Place, ...]:
    return tuple(
        Place(playbook, target, bind_condition(playbook.when, playbook.for_each, target))
        for playbook in in_order(config.it.playbooks)
        for target in targets_of(playbook, config.it.settings)
    )


def _observe_watches(
    state: JudgeState, config: Config, tick: Tick, elapsed_s: float | None
) -> tuple[tuple[Watch, ...], dict[tuple[str, str | None], Evaluation]]:
    """Watches follow what is loaded; one whose text changed, or whose incident is open, is new."""
    before = {(each.playbook, each.target): each for each in state.watches}
    busy = {(each.playbook.name, each.target) for each in state.incidents}
    watches = []
    evaluations = {}
    sights: dict[NoData, Sight] = {}
    for playbook, target, when in places(config):
        place = (playbook.name, target)
        watch = before.get(place)
        if watch is None or watch.sha256 != playbook.sha256:
            watch = Watch(playbook.name, playbook.sha256, target)
        if place in busy:
            watches.append(_with_timers(watch, ()))
            continue
        sight = sights.get(playbook.no_data)
        if sight is None:
            sight = Sight(tick.readings, config.settings, elapsed_s, playbook.no_data)
            sights[playbook.no_data] = sight
        evaluations[place] = evaluate(when, watch.timers, sight)
        watches.append(_with_timers(watch, evaluations[place].timers))
    return tuple(watches), evaluations


def _with_timers(watch: Watch, timers: tuple[Timer, ...]) -> Watch:
    return watch if watch.timers == timers else replace(watch, timers=timers)


def _adopted(readings: Readings) -> tuple[int, int] | None:
    """The least (epoch, revision) that live routers report; None while that is not known."""
    epoch = readings.get(PLAN_ADOPTED_EPOCH)
    revision = readings.get(PLAN_ADOPTED_REVISION)
    if epoch is None or revision is None:
        return None
    if epoch.state is not ReadingState.OK or revision.state is not ReadingState.OK:
        return None
    if epoch.value is None or revision.value is None:
        return None
    return int(epoch.value), int(revision.value)
