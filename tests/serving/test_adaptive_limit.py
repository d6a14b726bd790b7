"""The limit that a router learns: within bounds, cut for a reason, back when that is over."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from serving.routing.adaptive_limit import AdaptiveLimit, LimitRules, Round, adapted
from serving.routing.admission import Load
from serving.routing.breaker import Breaker
from tests.serving.router_rig import Rig, slow

RULES = LimitRules(start=32, least=8, most=64)
DEADLINE_MS = 200.0
SLOW_MS, GOOD_MS = 60.0, 10.0

rounds = st.builds(
    Round,
    number=st.just(1),
    answers=st.integers(0, 200),
    slow=st.integers(0, 200),
    most_in_flight=st.integers(0, 100),
    most_lag_ms=st.floats(0.0, 60.0),
).filter(lambda seen: seen.slow <= seen.answers)


def serve(
    limit: AdaptiveLimit,
    number: int,
    *,
    in_flight: int = 0,
    slow_share: float = 0.0,
    lag_ms: float = 0.0,
    answers: int = 40,
) -> None:
    """One round of requests."""
    for i in range(answers):
        now_s = (number + i / answers) * RULES.round_s
        limit.in_force(now_s, Load(in_flight, lag_ms))
        latency_ms = SLOW_MS if i < slow_share * answers else GOOD_MS
        limit.answered(now_s, latency_ms, DEADLINE_MS)


@hypothesis_settings(max_examples=100)
@given(st.lists(rounds, max_size=60))
def test_it_stays_within_its_bounds(seen: list[Round]) -> None:
    limit = RULES.start
    for each in seen:
        limit = adapted(RULES, limit, each)
        assert RULES.least <= limit <= RULES.most


@given(rounds, st.integers(RULES.least, RULES.start))
def test_it_is_never_cut_without_a_bad_round(seen: Round, limit: int) -> None:
    is_slow = seen.slow > 0.05 * seen.answers and seen.most_in_flight >= limit
    if adapted(RULES, limit, seen) < limit:
        assert is_slow or seen.most_lag_ms > RULES.loop_lag_ms


@given(st.lists(rounds, max_size=40))
def test_it_recovers_from_anything(seen: list[Round]) -> None:
    limit = RULES.start
    for each in seen:
        limit = adapted(RULES, limit, each)
    for _ in range(RULES.most):
        limit = adapted(RULES, limit, Round(1, answers=40, most_in_flight=1))
    assert limit == RULES.start


def test_it_grows_only_while_it_is_needed_and_all_is_well() -> None:
    limit = AdaptiveLimit(RULES)
    for number in range(1, 11):
        serve(limit, number, in_flight=30)
    grown = RULES.start + 10
    serve(limit, 12, in_flight=grown - 1, slow_share=0.1)
    assert limit.in_flight == grown
    serve(limit, 13, in_flight=grown, slow_share=0.1)
    assert limit.in_flight == grown, "slow answers alone neither raise nor cut it"
    serve(limit, 14)
    assert limit.in_flight == int(grown * RULES.cut)


def test_a_late_event_loop_cuts_it_though_answers_are_few() -> None:
    limit = AdaptiveLimit(RULES)
    serve(limit, 1, lag_ms=31.0, answers=3)
    serve(limit, 2)
    assert limit.in_flight == int(RULES.start * RULES.cut)


def test_too_few_answers_say_nothing() -> None:
    limit = AdaptiveLimit(RULES)
    for number in range(1, 20):
        serve(limit, number, in_flight=50, slow_share=1.0, answers=RULES.least_answers - 1)
    assert limit.in_flight == RULES.start


def test_a_slow_arm_with_an_open_breaker_does_not_keep_it_down() -> None:
    """Many wait for the arm until its breaker opens; then the last resort answers at once."""
    limit, breaker = AdaptiveLimit(RULES), Breaker()
    request, lowest, back_s = 0, RULES.start, None
    opened_s = None
    while back_s is None:
        now_s = request / 100.0
        limit.in_force(now_s, Load(40 if opened_s is None else 0, 0.0))
        if breaker.lets_users_through(now_s):
            limit.answered(now_s, 100.0, DEADLINE_MS)
            if now_s > 2.0:
                breaker.record(now_s, bad=True, late=True, jitter=0.0)
        else:
            opened_s = opened_s or now_s
            breaker.record_probe(now_s, good=False, jitter=0.0)
            limit.answered(now_s, 1.0, DEADLINE_MS)
        lowest = min(lowest, limit.in_flight)
        if opened_s is not None and limit.in_flight >= RULES.start:
            back_s = now_s
        request += 1
    assert lowest < RULES.start
    assert opened_s is not None
    assert back_s - opened_s <= 15.0


@pytest.mark.parametrize(
    "wrong",
    [{"least": 0}, {"start": 4}, {"most": 16}, {"step": 0}, {"cut": 1.0}, {"round_s": 0.0}],
)
def test_rules_that_cannot_be_kept_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="limit|cut"):
        replace(RULES, **wrong)  # type: ignore[arg-type]


def test_a_router_takes_fewer_at_once_while_its_answers_are_slow(trained_dir: Path) -> None:
    async def scenario() -> None:
        rules = LimitRules(start=8, least=2, most=8, round_s=0.05, least_answers=4)
        rig = Rig(trained_dir, slow, limits=rules)
        body = {"user_id": "u1", "segments": {"platform": "ios"}, "k": 5}
        waits = {**rig.table.held.arms}
        waits["primary"] = replace(waits["primary"], deadline_ms=60.0)
        rig.publish(arms=waits)
        while rig.router._limit.in_flight > rules.least:
            # One of nine meets the limit; the others wait longer than a quarter of the deadline.
            await asyncio.gather(*(rig.post("/recommend", body) for _ in range(9)))
            rig.means.book._breakers.clear()
        before = len(rig.rows())
        await asyncio.gather(*(rig.post("/recommend", body) for _ in range(9)))
        shed = [row for row in rig.rows()[before:] if row["outcome"] == "shed"]
        assert len(shed) == 9 - rules.least
        await rig.router.close()

    asyncio.run(asyncio.wait_for(scenario(), 60.0))
