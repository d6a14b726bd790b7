"""What was expected came true: whether that shows that the action helped."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from controller.core.playbook import Condition, Shed
from tests.core.worlds import ROUTE, World, above, below, both, playbook, verified

SLOW = above("p95", 200.0, 2.0)


def world_of(when: Condition = SLOW, expect: Condition | None = None) -> World:
    return World(playbook(when=when, rungs=((verified(ROUTE, "keep", expect),),)))


def outcomes(world: World) -> dict[str, int]:
    found = dict(world.state.ledgers[0].outcomes)
    return {name: count for name, count in found.items() if name != "fired"}


def test_it_helped_if_the_fault_goes_on_and_the_users_feel_nothing() -> None:
    world = world_of()
    world.tick(3, p95=412.0, degraded=0.3)
    world.until("holding", degraded=0.0)
    assert "passed: degraded_share" in world.sentences("holding")[0]
    assert outcomes(world) == {"passed": 1}


def test_a_fault_that_ended_beside_the_action_proves_nothing() -> None:
    world = world_of()
    world.tick(3, p95=412.0, degraded=0.3)
    world.until("holding", p95=50.0, degraded=0.0)
    assert "unproven, met, but the fault may have passed by itself" in world.sentences("holding")[0]
    assert outcomes(world) == {"unproven": 1}
    assert world.share("primary") == 0.0, "nothing is undone for it"


def test_a_fault_nobody_sees_proves_nothing() -> None:
    world = world_of()
    world.tick(3, p95=412.0, degraded=0.3)
    world.until("holding", p95="insufficient", degraded=0.0)
    assert outcomes(world) == {"unproven": 1}


def test_a_window_from_before_the_action_does_not_show_that_the_fault_goes_on() -> None:
    world = world_of(above("slow_minutes", 200.0))
    world.tick(3, slow_minutes=412.0, degraded=0.3)
    world.until("holding", degraded=0.0)
    assert outcomes(world) == {"unproven": 1}


def test_drift_is_as_true_as_before_the_action() -> None:
    world = world_of(both(SLOW, above("shifted", 0.0)))
    world.tick(3, p95=412.0, shifted=2.0, degraded=0.3)
    world.until("holding", degraded=0.0)
    assert outcomes(world) == {"passed": 1}


def test_two_arms_over_the_same_time_are_proof_by_themselves() -> None:
    world = world_of(expect=below("below_control", 1.0))
    world.tick(3, p95=412.0, below_control=1.0)
    world.until("holding", p95=50.0, below_control=0.0)
    assert outcomes(world) == {"passed": 1}


def test_one_such_comparison_beside_another_is_not() -> None:
    world = world_of(expect=both(below("below_control", 1.0), below("degraded", 0.01)))
    world.tick(3, p95=412.0, below_control=1.0, degraded=0.3)
    world.until("holding", p95=50.0, below_control=0.0, degraded=0.0)
    assert outcomes(world) == {"unproven": 1}


def test_a_sample_that_is_too_small_settles_nothing_and_the_record_says_how_small() -> None:
    world = world_of()
    world.tick(3, p95=412.0, degraded=0.3)
    world.until("holding", degraded="insufficient")
    (said,) = next(r for r in world.records if r.phase == "holding").conditions
    assert (said.state, said.sample_size) == ("insufficient", 3)
    assert "failed, not seen within 30 s" in world.sentences("holding")[0]


def test_what_was_decided_earlier_is_in_the_record_as_it_was_seen_then() -> None:
    later = verified(Shed(0.1), "keep", below("errors", 0.1))
    world = World(playbook(when=SLOW, rungs=((verified(ROUTE, "keep"), later),)), through_json=True)
    world.tick(3, p95=412.0, degraded=0.3, errors=0.5)
    world.tick(9, degraded=0.0)
    assert [each.outcome for each in world.incident.expectations] == ["passed", "pending"]
    world.until("holding", p95=50.0, errors=0.0, degraded=0.2)
    conditions = next(r for r in world.records if r.phase == "holding").conditions
    assert [each.value for each in conditions] == [0.0, 412.0, 0.0, 50.0]
    assert outcomes(world) == {"passed": 1, "unproven": 1}


_VALUES = st.sampled_from([50.0, 412.0, "insufficient", "stale", "idle", "down", "missing"])
_SHARES = st.sampled_from([0.0, 0.3, "insufficient", "missing"])


@given(st.lists(st.tuples(_VALUES, _SHARES), min_size=8, max_size=40))
def test_nothing_passes_but_beside_a_fault_that_is_seen(
    seconds: list[tuple[float | str, float | str]],
) -> None:
    world = world_of()
    world.tick(3, p95=412.0, degraded=0.3)
    for p95, degraded in seconds:
        seen = len(world.records)
        world.tick(p95=p95, degraded=degraded)
        said = [record.sentence for record in world.records[seen:] if record.phase == "holding"]
        if any("passed:" in sentence for sentence in said):
            assert (p95, degraded) == (412.0, 0.0)
