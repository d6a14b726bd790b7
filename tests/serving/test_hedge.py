"""Hedging: within its budget, only for an arm out of the ordinary, and it hides nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import ValidationError

from controller.core.plan import ArmPlan
from controller.monitors.counting.batch_view import BatchView
from controller.monitors.system import columns
from controller.settings import Hedge, Settings
from controller.telemetry.schema import SERVED
from serving.arm_call import ArmAnswer, ArmQuery
from serving.routing.hedge import AFTER_SHED_S, LEAST_ATTEMPTS, HedgeRules, Hedging, RecentAttempts
from serving.served_batch import served_batch
from tests.serving.router_rig import MemoryRedis, Rig, broken, good, memory_cache, slow

ASK = {"user_id": "u1", "segments": {"platform": "ios"}, "k": 5}
RULES = HedgeRules(after_ms=40.0, most_share=0.1)


def learnt(elapsed_ms: float = 5.0, requests: int = 50) -> Hedging:
    hedging = Hedging(RULES)
    for _ in range(requests):
        hedging.begin(0.0, "primary")
        hedging.ended(0.0, "primary", elapsed_ms)
    return hedging


@hypothesis_settings(max_examples=60)
@given(st.lists(st.tuples(st.booleans(), st.floats(0.0, 0.5)), max_size=400))
def test_hedges_are_at_most_their_share_of_requests(asked: list[tuple[bool, float]]) -> None:
    hedging, hedged, now_s = Hedging(RULES), 0, 0.0
    for requests, (is_slow, gap_s) in enumerate(asked, start=1):
        now_s += gap_s
        hedging.begin(now_s, "primary")
        hedged += is_slow and hedging.take(now_s, breaker_closed=True)
        assert hedged <= RULES.most_share * requests + 1e-9


def test_quiet_times_save_up_for_few_hedges_only() -> None:
    hedging = learnt(requests=10_000)
    assert sum(hedging.take(1.0, breaker_closed=True) for _ in range(1_000)) == 10


def test_none_while_shedding_or_while_the_breaker_is_not_closed() -> None:
    hedging = learnt()
    assert not hedging.take(1.0, breaker_closed=False)
    hedging.shed(1.0)
    assert not hedging.take(1.0 + 0.9 * AFTER_SHED_S, breaker_closed=True)
    assert hedging.take(1.0 + AFTER_SHED_S, breaker_closed=True)


@pytest.mark.parametrize(("elapsed_ms", "after_ms"), [(5.0, 40.0), (70.0, 71.0)])
def test_an_arm_slow_by_nature_is_given_its_time(elapsed_ms: float, after_ms: float) -> None:
    assert learnt(elapsed_ms).begin(2.0, "primary") == after_ms


def test_what_is_ordinary_must_be_known_first_and_grows_old() -> None:
    hedging = learnt(requests=LEAST_ATTEMPTS - 1)
    assert hedging.begin(2.0, "primary") is None
    hedging.ended(2.0, "primary", 5.0)
    assert hedging.begin(4.0, "primary") == 40.0
    assert hedging.begin(4.0, "challenger") is None
    assert hedging.begin(70.0, "primary") is None


@given(st.lists(st.floats(0.0, 300.0), min_size=LEAST_ATTEMPTS, max_size=200))
def test_the_share_asked_for_ended_within_the_time_told(elapsed_ms: list[float]) -> None:
    recent = RecentAttempts()
    for each in elapsed_ms:
        recent.note(30.0, each)
    within_ms = recent.within_ms(30.0, 0.9)
    assert within_ms is not None
    assert sum(each <= within_ms for each in elapsed_ms) >= 0.9 * len(elapsed_ms)


@pytest.mark.parametrize("wrong", [{"after_ms": 10}, {"most_share": 0.2}, {"most_share": 0}])
def test_settings_beyond_what_is_safe_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Hedge.model_validate(wrong)


async def hedged_rig(trained: Path, deadline_ms: float = 400.0, **changes: Any) -> Rig:
    """A router that knows its primary as a fast one, and has tokens. The deadline is far enough
    from the hedge for a machine that is busy."""
    settings = Settings(data_dir=trained, control_share=0.0, hedge=Hedge())
    rig = Rig(trained, good, settings=settings, **changes)
    arms = {**rig.table.held.arms, "primary": ArmPlan("latest", 1.0, deadline_ms)}
    rig.publish(arms=arms, request_deadline_ms=2.0 * deadline_ms)
    for _ in range(30):
        await rig.post("/recommend", ASK)
    # What is ordinary is worked out once a second.
    hedging = rig.router._hedging
    assert hedging is not None
    hedging._ordinary.clear()
    return rig


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 60.0))


def test_the_fallback_answers_and_the_arm_is_told_as_late_as_it_was(trained_dir: Path) -> None:
    async def scenario() -> None:
        rig = await hedged_rig(trained_dir)
        rig.arms.behaviours["primary"] = slow
        before = len(rig.rows())
        slate = (await rig.post("/recommend", ASK)).json
        assert (slate["served_by"], slate["arm"], slate["degraded"]) == (
            "fallback",
            "primary",
            True,
        )
        assert (len(rig.rows()), rig.router.in_flight) == (before, 1)
        await rig.settle(lambda: len(rig.rows()) > before)
        row = rig.rows()[-1]
        first, second = row["attempts"]
        assert (first["arm"], first["result"], first["reason"]) == ("primary", "late", "deadline")
        assert (second["arm"], second["result"]) == ("fallback", "ok")
        assert first["elapsed_ms"] >= 400.0
        assert 40.0 <= row["latency_ms"] < first["elapsed_ms"]
        assert (row["arm"], row["outcome"]) == ("primary", "ok")
        assert rig.arms.calls[-1].cancelled
        assert rig.router.in_flight == 0

    run(scenario)


def test_monitors_see_the_slow_arm_behind_the_hedges(trained_dir: Path) -> None:
    async def scenario() -> None:
        rig = await hedged_rig(trained_dir)
        rig.arms.behaviours["primary"] = slow
        before = len(rig.rows())
        await rig.post("/recommend", ASK)
        await rig.settle(lambda: len(rig.rows()) > before)
        rows = [row for _, row in rig.telemetry._rings[SERVED]]
        told = columns.attempts(BatchView(SERVED, 0, served_batch(rows[-1:])))
        of_primary = told.arm.equal("primary")
        assert told.kinds[of_primary].tolist() == [columns.BAD]
        assert told.buckets[of_primary].tolist() == [columns.LATENCY_MS.size - 1]

    run(scenario)


def test_an_answer_that_comes_after_the_hedge_is_true_and_kept(trained_dir: Path) -> None:
    async def scenario() -> None:
        store = MemoryRedis()
        rig = await hedged_rig(trained_dir, 20_000.0, cache=memory_cache(store))
        rig.publish(cache_ttl_s=30.0)
        answers = asyncio.Event()

        async def waiting(query: ArmQuery) -> ArmAnswer:
            await answers.wait()
            return await good(query)

        rig.arms.behaviours["primary"] = waiting
        before = len(rig.rows())
        slate = (await rig.post("/recommend", ASK)).json
        assert slate["served_by"] == "fallback"
        answers.set()
        await rig.settle(lambda: len(rig.rows()) > before and bool(store.kept))
        first = rig.rows()[-1]["attempts"][0]
        assert (first["result"], first["model_version"]) == ("ok", "v1")
        assert (await rig.post("/recommend", ASK)).json["served_by"] == "primary"

    run(scenario)


def test_the_breaker_opens_as_soon_as_without_hedges(trained_dir: Path) -> None:
    async def scenario() -> None:
        rig = await hedged_rig(trained_dir, 100.0)
        rig.arms.behaviours["primary"] = slow
        for _ in range(5):
            await rig.post("/recommend", ASK)
        await rig.settle(lambda: rig.router.in_flight == 0)
        assert not rig.means.book.breaker("primary").lets_users_through(time.monotonic())

    run(scenario)


def test_an_error_before_the_hedge_is_answered_at_once(trained_dir: Path) -> None:
    async def scenario() -> None:
        rig = await hedged_rig(trained_dir)
        rig.arms.behaviours["primary"] = broken
        slate = (await rig.post("/recommend", ASK)).json
        assert slate["served_by"] == "fallback"
        assert [a["result"] for a in rig.rows()[-1]["attempts"]] == ["error", "ok"]

    run(scenario)


def test_a_request_that_is_cancelled_while_it_waits_takes_its_call_along(trained_dir: Path) -> None:
    async def scenario() -> None:
        rig = await hedged_rig(trained_dir)
        rig.arms.behaviours["primary"] = slow
        calls = len(rig.arms.calls)
        task = asyncio.create_task(rig.post("/recommend", ASK))
        await rig.settle(lambda: len(rig.arms.calls) > calls)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await rig.settle(lambda: rig.arms.calls[-1].cancelled)
        assert rig.router.in_flight == 0

    run(scenario)


def test_a_router_that_closes_tells_what_it_still_waited_for(trained_dir: Path) -> None:
    async def scenario() -> None:
        rig = await hedged_rig(trained_dir)
        rig.arms.behaviours["primary"] = slow
        await rig.post("/recommend", ASK)
        await asyncio.sleep(0)
        await rig.router.close()
        first = rig.rows()[-1]["attempts"][0]
        assert (first["arm"], first["result"]) == ("primary", "cancelled")
        assert rig.arms.calls[-1].cancelled
        assert rig.router.in_flight == 0

    run(scenario)
