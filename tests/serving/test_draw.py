"""The draw: deterministic, as the plan shares it, and never moved by what comes after."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from controller.core.plan import ArmPlan, EvaluationPlan, Plan, Split
from serving.routing.draw import draw, propensities, splitmix64, uniform, unit_of


def plan(**changes: object) -> Plan:
    fields: dict[str, object] = {
        "service": "s",
        "epoch": 1,
        "revision": 1,
        "head": "h",
        "at_s": 0.0,
        "arms": {
            "primary": ArmPlan("p1", 0.7),
            "challenger": ArmPlan("c1", 0.3),
            "fallback": ArmPlan("f1", 0.0),
        },
        "control_share": 0.02,
    }
    return Plan(**(fields | changes))  # type: ignore[arg-type]


shares = st.lists(st.floats(0.0, 1.0), min_size=2, max_size=5).filter(lambda s: sum(s) > 0.01)


@hypothesis_settings(max_examples=60)
@given(shares, st.floats(0.0, 0.5), st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_propensities_sum_to_one_and_the_drawn_arm_had_a_chance(
    raw: list[float], control: float, unit: int, salt: int
) -> None:
    arms = {f"arm{i}": ArmPlan("v", share / sum(raw)) for i, share in enumerate(raw)}
    shared = plan(arms=arms, control_share=control, control_arm="arm0", salt=salt)
    drawn = draw(shared, unit, {})
    assert sum(drawn.propensities.values()) == pytest.approx(1.0)
    assert drawn.propensities[drawn.arm] > 0.0
    assert draw(shared, unit, {}) == drawn


@pytest.mark.parametrize("salt", [0, 7, 2**63])
def test_empirical_shares_match_the_propensities(salt: int) -> None:
    shared = plan(salt=salt)
    n = 40_000
    counts = Counter(draw(shared, unit, {}).arm for unit in range(n))
    for arm, chance in propensities(shared, {}).items():
        sigma = (chance * (1 - chance) / n) ** 0.5
        assert abs(counts[arm] / n - chance) <= 5 * sigma + 1e-12, arm


def test_the_control_share_comes_off_the_top_of_every_arm() -> None:
    assert propensities(plan(), {}) == pytest.approx(
        {"primary": 0.98 * 0.7, "challenger": 0.98 * 0.3, "fallback": 0.02}
    )


def test_the_first_matching_split_wins_and_leaves_other_segments_alone() -> None:
    split = plan(
        splits=(
            Split({"platform": "ios"}, {"challenger": 1.0}),
            Split({}, {"fallback": 1.0}),
        ),
        control_share=0.0,
    )
    assert draw(split, 1, {"platform": "ios"}).arm == "challenger"
    assert draw(split, 1, {"platform": "web"}).arm == "fallback"


def test_a_bigger_share_only_adds_units_to_an_arm_drawn_first() -> None:
    def drawn(share: float) -> set[int]:
        arms = {"a": ArmPlan("v", share), "b": ArmPlan("v", 1.0 - share)}
        sticky = plan(arms=arms, control_share=0.0, control_arm="b")
        return {unit for unit in range(4_000) if draw(sticky, unit, {}).arm == "a"}

    assert drawn(0.05) < drawn(0.2)


def test_breakers_change_the_stamp_and_never_the_arm() -> None:
    stamped = plan(evaluation=EvaluationPlan("e1", ("challenger", "primary"), "request", 5, True))
    for unit in range(500):
        closed = draw(stamped, unit, {}, both_closed=True)
        broken = draw(stamped, unit, {}, both_closed=False)
        assert closed.arm == broken.arm
        assert (closed.evaluation_id, broken.evaluation_id) == ("e1", "")


def test_the_unit_is_the_request_unless_the_plan_says_otherwise() -> None:
    request = bytes(8) + (77).to_bytes(8, "big")
    assert unit_of(plan(), request, 1, 2) == 77
    assert unit_of(plan(unit="user"), request, 1, 2) == 1
    assert unit_of(plan(unit="session"), request, 1, 2) == 2


def test_splitmix64_gives_the_published_sequence() -> None:
    # First outputs of the reference generator seeded with 1234567 (Vigna's test vector).
    gamma, seed = 0x9E3779B97F4A7C15, 1234567
    found = [splitmix64((seed + i * gamma) % 2**64) for i in range(3)]
    assert found == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_only_the_low_64_bits_of_the_unit_count() -> None:
    assert uniform(5 + (3 << 64), 9) == uniform(5, 9)
