"""The service's limits: rolling budgets, the storm brake, the blast radius and head-room."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.core.budgets import balances
from controller.core.limits import Limits, Rate
from controller.core.playbook import Playbook, Route, Shed
from controller.core.readings import Reading, ReadingState, SignalKey
from controller.core.settings import settings_from_document, settings_to_document
from controller.core.state import state_to_document
from tests.core.worlds import SETTINGS, World, above, below, notify, playbook, verified
from tests.examples import examples

TO_CHALLENGER = Route("primary", "challenger", 1.0, returns=(1.0,), every_s=5.0)


def limited(**limits: Any) -> Any:
    return replace(SETTINGS, limits=Limits(**limits))


def heal(world: World) -> None:
    """One whole incident."""
    world.until("acting", p95=412.0)
    world.until("recovered", p95=50.0)


class Loaded(World):
    """A world that also shows rates, head-room and bad attempts of arms."""

    loads: Mapping[str, tuple[float, float | None, float]] = {}
    """Arm to (attempts per second, head-room or None, share of bad attempts)."""
    capacities: Mapping[str, float] = {}
    """Arm to the attempts per second it was measured to bear."""

    def readings(self) -> dict[SignalKey, Reading]:
        found = super().readings()
        for arm, (rate, left, bad) in self.loads.items():
            for name, value in (("arm_rate_per_s", rate), ("head_room", left), ("arm_bad", bad)):
                state = ReadingState.INSUFFICIENT if value is None else ReadingState.OK
                window_s = SETTINGS.default_windows_s.get(name, 0.0)
                key = SignalKey(name, (("arm", arm),), window_s)
                found[key] = Reading(value, state, 100, self.at_s - window_s, self.at_s)
        for arm, per_s in self.capacities.items():
            window_s = SETTINGS.default_windows_s.get("arm_capacity_per_s", 0.0)
            key = SignalKey("arm_capacity_per_s", (("arm", arm),), window_s)
            found[key] = Reading(per_s, ReadingState.OK, 0, self.at_s, self.at_s)
        return found


def to_challenger(**loads: tuple[float, float | None, float]) -> Loaded:
    world = Loaded(playbook(rungs=((verified(TO_CHALLENGER),),)))
    world.loads = loads
    return world


def test_the_budget_of_a_class_is_shared_by_all_playbooks_and_pages_when_spent() -> None:
    limits = limited(per_class={"traffic": Rate(2, 600.0)})
    slow = playbook("slow", cooldown_s=0.0)
    failing = playbook("failing", above("errors", 0.1), clear_when=below("errors", 0.05, 5.0))
    world = World(slow, failing, settings=limits)
    heal(world)
    world.until("acting", errors=0.5)
    world.until("recovered", errors=0.0)
    world.tick(5, p95=412.0)
    said = "the service has spent 2 of 2 actions of class traffic in 10 min"
    assert said in world.sentences("blocked")[0]
    assert any(said in page for page in world.pages())
    world.until("acting", limit=700)


def test_one_target_has_a_budget_of_its_own() -> None:
    limits = limited(per_target=Rate(1, 600.0))
    fallback_too = playbook(
        "other", above("errors", 0.1), rungs=((verified(Route("challenger", "fallback", 1.0)),),)
    )
    world = World(playbook(cooldown_s=0.0), fallback_too, settings=limits)
    heal(world)
    world.tick(5, p95=412.0)
    assert "1 of 1 actions on primary" in world.sentences("blocked")[0]
    world.until("acting", errors=0.5)


def test_a_rung_goes_whole_or_not_at_all() -> None:
    both_moves = ((verified(Route("primary", "fallback", 1.0)), verified(Shed(0.1))),)
    world = World(playbook(rungs=both_moves), settings=limited(actions=Rate(1, 600.0)))
    world.tick(5, p95=412.0)
    assert "needs 2" in world.sentences("blocked")[0]
    assert (world.share(), world.plan.shed_share) == (1.0, 0.0)


def test_budgets_survive_a_restart_and_a_new_leader() -> None:
    limits = limited(actions=Rate(1, 600.0))
    book = playbook(cooldown_s=0.0)
    world = World(book, settings=limits, through_json=True)
    heal(world)
    again = World(book, settings=limits, elect=False)
    again.at_s = world.at_s
    again.elect(epoch=8, state=state_to_document(world.state))
    again.tick(5, p95=412.0)
    assert "1 of 1 actions in 10 min" in again.sentences("blocked")[0]


def test_telling_people_costs_nothing_when_everything_is_spent() -> None:
    limits = limited(actions=Rate(1, 600.0))
    tells = playbook("tells", above("errors", 0.1), rungs=((notify(),),))
    world = World(playbook(cooldown_s=0.0), tells, settings=limits)
    heal(world)
    world.until("acting", errors=0.5)
    assert world.wanted("notify")


def test_a_storm_of_incidents_freezes_everything_pages_and_ends_by_itself() -> None:
    books = [
        playbook(f"shed-{n}", above("errors", 0.1 * n), rungs=((verified(Shed(0.1)),),))
        for n in range(1, 5)
    ]
    world = World(*books, settings=limited(storm=Rate(2, 300.0)))
    world.tick(2, errors=0.9)
    assert world.phases.count("acting") == 3, "the one too many has acted, the rest is frozen"
    assert world.phases.count("blocked") == 1
    assert sum("3 incidents opened within 5 min" in page for page in world.pages()) == 1
    world.until("thawed", limit=310)
    world.until("acting")


def test_no_move_leads_onto_an_arm_that_another_incident_drains() -> None:
    away = playbook(
        "away", above("shifted", 1.0), rungs=((verified(Route("fallback", "primary", 1.0)),),)
    )
    world = World(away, playbook())
    world.tick(40, shifted=5.0)
    world.tick(5, p95=412.0)
    assert "drains fallback, which this would move traffic to" in world.sentences("blocked")[-1]
    assert world.share() == 1.0
    assert any("drains fallback" in page for page in world.pages())


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"most_moved_share": 0.5}, "100 % of the traffic would be away from its baseline"),
        ({"fewest_healthy_arms": 3}, "too few healthy arms (challenger, fallback"),
    ],
)
def test_the_blast_radius_is_limited(limits: Mapping[str, Any], said: str) -> None:
    world = World(playbook(), settings=limited(**limits))
    world.tick(5, p95=412.0)
    assert said in world.sentences("blocked")[0]
    assert world.share() == 1.0


def test_regions_are_moved_one_at_a_time() -> None:
    def of(region: str, name: str) -> Playbook:
        route = Route("primary", "fallback", 1.0, (1.0,), 5.0, where={"region": region})
        return playbook(f"move-{region}", above(name, 0.1), rungs=((verified(route),),))

    world = World(of("north", "errors"), of("south", "shifted"))
    world.until("acting", errors=0.5)
    world.tick(2, shifted=5.0)
    assert "only one region at a time may be moved" in world.sentences("blocked")[0]


def test_a_move_beyond_the_targets_head_room_is_refused_with_the_figures() -> None:
    world = to_challenger(primary=(50.0, None, 0.3), challenger=(10.0, 0.8, 0.0))
    world.tick(5, p95=412.0)
    # 10/s are 20 % of its capacity of 50/s; 60/s would be 120 %.
    assert (
        "challenger would be 120 % utilized with 100 % of primary" in world.sentences("blocked")[0]
    )
    assert world.share() == 1.0


def test_a_move_the_target_bears_goes_at_once() -> None:
    world = to_challenger(primary=(20.0, None, 0.3), challenger=(10.0, 0.8, 0.0))
    world.until("acting", p95=412.0)
    assert world.share() == 0.0


def test_a_target_without_traffic_whose_capacity_was_measured_is_judged_at_once() -> None:
    bears = to_challenger(primary=(50.0, None, 0.3), challenger=(0.0, 1.0, 0.0))
    bears.capacities = {"challenger": 100.0}
    bears.until("acting", p95=412.0)
    assert bears.share() == 0.0
    small = to_challenger(primary=(50.0, None, 0.3), challenger=(0.0, 1.0, 0.0))
    small.capacities = {"challenger": 60.0}
    small.tick(5, p95=412.0)
    assert "challenger would be 83.3 % utilized" in small.sentences("blocked")[0]
    assert small.share() == 1.0


def test_of_two_figures_of_the_targets_capacity_the_lower_holds() -> None:
    # By head-room it bears 50/s, of which 30/s would be 60 %.
    world = to_challenger(primary=(20.0, None, 0.3), challenger=(10.0, 0.8, 0.0))
    world.capacities = {"challenger": 40.0}
    world.tick(5, p95=412.0)
    assert "challenger would be 75 % utilized" in world.sentences("blocked")[0]


def test_unknown_head_room_moves_in_judged_stages_and_is_verified_after_the_last() -> None:
    world = to_challenger(primary=(50.0, None, 0.3), challenger=(0.0, None, 0.0))
    world.until("acting", p95=412.0, degraded=0.0)
    shares = []
    for _ in range(30):
        world.tick()
        shares.append(world.share())
    assert list(dict.fromkeys(shares)) == [0.75, 0.5, 0.0]
    assert min(shares.count(0.75), shares.count(0.5)) >= 9
    assert world.phases.count("holding") == 1
    assert world.phases.index("holding") > max(
        n for n, phase in enumerate(world.phases) if phase == "acting"
    )


def test_a_stage_the_target_does_not_bear_is_the_last_and_pages() -> None:
    world = to_challenger(primary=(50.0, None, 0.3), challenger=(0.0, None, 0.0))
    world.until("acting", p95=412.0, degraded=0.3)
    world.loads = {"primary": (37.0, None, 0.3), "challenger": (13.0, 0.6, 0.0)}
    world.until("blocked")
    # 13/s are 40 % of 32.5/s; the other 37/s would make 154 %.
    assert "challenger would be 153.8 % utilized" in world.sentences("blocked")[0]
    assert world.share() == 0.75
    assert any("moves no more traffic" in page for page in world.pages())
    world.until("escalated", limit=60)


def test_while_nothing_is_seen_of_the_target_no_stage_passes() -> None:
    world = to_challenger(primary=(50.0, None, 0.3))
    world.until("acting", p95=412.0)
    world.until("blocked", limit=80)
    assert "nothing was seen of how the target bears it" in world.sentences("blocked")[0]
    assert world.share() == 0.75


@settings(max_examples=examples(100), deadline=None)
@given(
    times=st.lists(st.floats(0.0, 2_000.0), min_size=1, max_size=20),
    count=st.integers(1, 4),
    per_s=st.sampled_from([60.0, 600.0]),
)
def test_in_no_span_are_more_actions_taken_than_the_budget_pays_for(
    times: list[float], count: int, per_s: float
) -> None:
    limits = limited(actions=Rate(count, per_s))
    book = playbook(
        "sheds",
        above("errors", 0.1),
        rungs=((verified(Shed(0.1)),),),
        clear_when=below("errors", 0.05),
        cooldown_s=0.0,
    )
    world = World(book, settings=limits)
    for gap_s in sorted(times):
        world.tick(after_s=1.0 + gap_s % 50.0, errors=0.5)
        world.tick(2, errors=0.0)
    acted_s = [r.at_s for r in world.records if r.phase == "acting"]
    assert all(sum(at_s - per_s < s <= at_s for s in acted_s) <= count for at_s in acted_s)
    assert len(world.state.spent.get("actions", ())) <= count + 1
    used = balances(world.state, limits.limits, world.at_s)[0].used
    assert used == sum(s > world.at_s - per_s for s in acted_s)


def test_limits_come_through_the_settings_document() -> None:
    limits = limited(actions=Rate(3, 60.0), most_moved_share=0.4)
    assert settings_from_document(settings_to_document(limits)) == limits
    older = settings_to_document(SETTINGS)
    del older["limits"]
    assert settings_from_document(older).limits == Limits()
