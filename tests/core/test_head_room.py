"""Law 10 over random services: no move onto an arm without head-room.

Readings say what the plan of some seconds ago sends to each arm, so a decision is never yet seen.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.core.draft import active_claims
from controller.core.limits import Limits, Rate
from controller.core.plan import Plan
from controller.core.playbook import Autonomy, Move, Playbook, Route
from controller.core.readings import Reading, ReadingState, SignalKey
from controller.core.records import Record
from controller.core.settings import ArmSettings
from controller.core.state import state_to_document
from tests.core.worlds import World, above, below, playbook, verified, with_settings
from tests.examples import examples

BAD = {"p95": 412.0, "errors": 0.5, "shifted": 5.0, "recent_age": 900.0, "hour_age": 900.0}
TRIGGERS = tuple(BAD)
USERS_PER_S = 100.0
PROBES_PER_S = 5.0
PLENTY = Rate(10_000, 60.0)
ROUNDING = 1e-4


@dataclass(frozen=True)
class Service:
    """What is drawn once per story. ``learned``: capacities only the head-room readings tell."""

    arms: dict[str, ArmSettings]
    learned: dict[str, float]
    most_utilization: float
    lag_s: int

    @property
    def capacities(self) -> dict[str, float]:
        given = {n: a.capacity_per_s for n, a in self.arms.items() if a.capacity_per_s}
        return self.learned | given


class Busy(World):
    """A world whose arms get what the plan said ``lag_s`` ago, of a constant stream of users."""

    def __init__(self, service: Service, *books: Playbook) -> None:
        self.service = service
        self.bad_share = 0.0
        self.rates_are_known = True
        limits = Limits(
            actions=PLENTY,
            per_class={},
            per_target=PLENTY,
            storm=PLENTY,
            fewest_healthy_arms=0,
            most_utilization=service.most_utilization,
        )
        super().__init__(
            *books,
            settings=with_settings(
                arms=service.arms, limits=limits, oscillation_limit=10_000, probe_per_s=PROBES_PER_S
            ),
        )

    def rates(self) -> dict[str, float]:
        """Attempts per second by arm, as of the plan that was in force ``lag_s`` ago."""
        then_s = self.at_s - self.service.lag_s
        plan = next((p for p in reversed(self.plans) if p.at_s <= then_s), self.plans[0])
        control = {plan.control_arm: plan.control_share}
        return {
            name: USERS_PER_S * (arm.share + control.get(name, 0.0))
            + plan.probe_per_s.get(name, 0.0)
            for name, arm in plan.arms.items()
        }

    def readings(self) -> dict[SignalKey, Reading]:
        found = super().readings()
        if not self.plans:
            return found
        found[SignalKey("request_rate_per_s", (), 0.0)] = self._ok(USERS_PER_S)
        for arm, rate in self.rates().items():
            of = (("arm", arm),)
            learned = self.service.learned.get(arm)
            if learned is not None:
                found[SignalKey("head_room", of, 0.0)] = self._ok(1.0 - rate / learned)
            if learned is not None or self.rates_are_known:
                found[SignalKey("arm_rate_per_s", of, 0.0)] = self._ok(rate)
            found.setdefault(SignalKey("arm_bad", of, 5.0), self._ok(self.bad_share))
        return found

    def _commit(self, plan: Plan, records: tuple[Record, ...]) -> None:
        self._check(plan)
        super()._commit(plan, records)

    def _check(self, plan: Plan) -> None:
        """What an arm gets beyond its own baseline, it bears; only people may say otherwise."""
        if any(claim.kind == "shares" for claim in active_claims(self.state)):
            return
        for arm, capacity_per_s in self.service.capacities.items():
            share = plan.arms[arm].share
            if share > self.service.arms[arm].share + ROUNDING:
                most = self.service.most_utilization * capacity_per_s
                assert share * USERS_PER_S <= most + ROUNDING * USERS_PER_S, (
                    f"{arm} gets {share} of {USERS_PER_S}/s and bears {most}/s"
                )

    def _ok(self, value: float) -> Reading:
        return Reading(value, ReadingState.OK, 100, self.at_s, self.at_s)


@st.composite
def services(draw: st.DrawFn) -> Service:
    names = ["primary", "fallback", "challenger", "spare"][: draw(st.integers(2, 4))]
    parts = draw(st.lists(st.integers(0, 4), min_size=len(names), max_size=len(names)))
    whole = sum(parts) or 1
    parts[0] += whole - sum(parts)
    arms, learned = {}, {}
    for name, part in zip(names, parts, strict=True):
        capacity_per_s = draw(st.sampled_from([15.0, 40.0, 75.0, 120.0, 400.0]))
        known = draw(st.sampled_from(["given", "learned", "unknown"]))
        if known == "learned":
            learned[name] = capacity_per_s
        arms[name] = ArmSettings(
            f"{name}-1",
            part / whole,
            in_process=name == "fallback" and draw(st.booleans()),
            capacity_per_s=capacity_per_s if known == "given" else None,
        )
    return Service(arms, learned, draw(st.sampled_from([0.5, 0.7, 0.9])), draw(st.integers(0, 12)))


@st.composite
def routes(draw: st.DrawFn, names: list[str]) -> Route:
    source, target = draw(st.permutations(names))[:2]
    return Route(
        source,
        target,
        draw(st.sampled_from([0.25, 0.5, 0.8, 1.0])),
        returns=draw(st.sampled_from([(1.0,), (0.5, 1.0), (0.1, 0.5, 1.0)])),
        every_s=2.0,
        expires_s=draw(st.sampled_from([None, None, 15.0])),
    )


@st.composite
def books(draw: st.DrawFn, names: list[str]) -> tuple[Playbook, ...]:
    """One playbook for each of some triggers, of one or two rungs of one or two routes."""
    found = []
    for trigger in draw(st.lists(st.sampled_from(TRIGGERS), min_size=2, max_size=5, unique=True)):
        rungs: list[tuple[Move, ...]] = []
        for _ in range(draw(st.integers(1, 2))):
            rung = draw(
                st.lists(routes(names), min_size=1, max_size=2, unique_by=lambda r: r.source)
            )
            then = draw(st.sampled_from(["next", "undo", "keep"]))
            rungs.append(
                tuple(
                    verified(route, then) if draw(st.booleans()) else Move(route) for route in rung
                )
            )
        found.append(
            playbook(
                trigger,
                above(trigger, BAD[trigger] / 2),
                tuple(rungs),
                below(trigger, BAD[trigger] / 4, draw(st.sampled_from([0.0, 3.0]))),
                cooldown_s=0.0,
                budget_count=10_000,
                autonomy=draw(st.sampled_from([Autonomy.AUTO, Autonomy.AUTO, Autonomy.APPROVE])),
                excludes=draw(st.sampled_from([(), (), ("routing",)])),
            )
        )
    return tuple(found)


EVENTS = st.one_of(
    st.tuples(st.just("faults"), st.sets(st.sampled_from(TRIGGERS)), st.integers(1, 14)),
    st.tuples(st.just("faults"), st.sets(st.sampled_from(TRIGGERS)), st.integers(1, 14)),
    st.tuples(st.just("degraded"), st.sampled_from([0.0, 0.3]), st.integers(1, 40)),
    st.tuples(st.just("bad"), st.sampled_from([0.0, 0.3]), st.integers(1, 12)),
    st.tuples(st.just("rates"), st.booleans(), st.integers(1, 12)),
    st.tuples(st.just("approve"), st.integers(0, 2), st.integers(1, 3)),
    st.tuples(st.just("override"), st.sampled_from(["primary", "fallback"]), st.integers(1, 8)),
    st.tuples(st.just("release"), st.just("o1"), st.integers(1, 3)),
    st.tuples(st.just("acknowledge"), st.integers(0, 2), st.integers(1, 3)),
    st.tuples(st.just("restart"), st.none(), st.integers(1, 3)),
)


def live(world: Busy, story: list[Any]) -> None:
    for verb, said, times in story:
        match verb:
            case "faults":
                world.tick(**{name: BAD[name] if name in said else 0.0 for name in TRIGGERS})
            case "degraded":
                world.tick(degraded=said)
            case "bad":
                world.bad_share = said
            case "rates":
                world.rates_are_known = said
            case "approve":
                for approval in world.state.approvals[said : said + 1]:
                    world.command("approve", approval.id)
            case "acknowledge":
                for incident in world.state.incidents[said : said + 1]:
                    world.command("acknowledge", incident.id)
            case "override":
                world.command("override", f"{said}=1.0", id_="o1")
            case "release":
                world.command("release", said)
            case "restart":
                document = json.loads(json.dumps(state_to_document(world.state)))
                world.elect(epoch=world.state.epoch + 1, state=document)
        world.tick(times)


@given(data=st.data(), service=services(), story=st.lists(EVENTS, min_size=2, max_size=20))
@settings(max_examples=examples(100), deadline=None)
def test_no_arm_is_given_more_than_it_bears_however_moves_follow_each_other(
    data: st.DataObject, service: Service, story: list[Any]
) -> None:
    live(Busy(service, *data.draw(books(list(service.arms)))), story)


def moves(trigger: str, source: str, target: str) -> Playbook:
    route = Route(source, target, 1.0, returns=(1.0,), every_s=2.0)
    return playbook(
        trigger,
        above(trigger, BAD[trigger] / 2),
        ((Move(route),),),
        below(trigger, BAD[trigger] / 4),
        cooldown_s=0.0,
    )


def bearing(**arms: tuple[float, float | None]) -> Service:
    """Arm to (share, capacity per second); what is decided is seen at once."""
    return Service(
        {n: ArmSettings(f"{n}-1", *_share_and(each)) for n, each in arms.items()}, {}, 0.7, 0
    )


def _share_and(each: tuple[float, float | None]) -> tuple[float, float, bool, float | None]:
    share, capacity_per_s = each
    return share, 100.0, capacity_per_s is None, capacity_per_s


def test_a_move_that_another_outdoes_is_asked_for_as_if_it_stood_alone() -> None:
    service = bearing(primary=(1.0, 400.0), fallback=(0.0, None), challenger=(0.0, 50.0))
    world = Busy(
        service, moves("p95", "primary", "fallback"), moves("errors", "primary", "challenger")
    )
    world.tick(20, p95=BAD["p95"])
    world.tick(5, errors=BAD["errors"])
    assert "challenger would be 200 % utilized" in world.sentences("blocked")[-1]
    world.tick(20, p95=0.0)
    assert world.share("challenger") == 0.0


def test_what_a_drained_target_passes_on_loads_the_fallback() -> None:
    service = bearing(
        primary=(0.5, 400.0), fallback=(0.0, 60.0), challenger=(0.5, 400.0), spare=(0.0, 400.0)
    )
    world = Busy(
        service, moves("p95", "primary", "challenger"), moves("errors", "challenger", "spare")
    )
    world.tick(5, p95=BAD["p95"])
    assert world.share("challenger") == 1.0
    world.tick(5, errors=BAD["errors"])
    assert (
        "fallback would be 83.3 % utilized with what is passed on to it"
        in world.sentences("blocked")[-1]
    )
    assert world.share("fallback") == 0.0
