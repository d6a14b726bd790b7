"""The router without Ray: a valid slate whatever the arm does, and rows that tell what it did."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from controller.core.plan import ArmPlan
from controller.errors import BadInput
from controller.telemetry.batches import encode_arrow
from controller.telemetry.schema import OUTCOME, SERVED
from serving.requests import RecommendRequest
from serving.routing.adaptive_limit import LimitRules
from tests.serving.router_rig import (
    Behaviour,
    MemoryRedis,
    Rig,
    broken,
    good,
    malformed,
    memory_cache,
    slow,
)

ASK = {"user_id": "u1", "segments": {"platform": "ios"}, "k": 5}


def valid(slate: dict[str, object], k: int = 5) -> bool:
    items = [item["item_id"] for item in slate["items"]]  # type: ignore[attr-defined]
    return 0 < len(items) <= k and len(set(items)) == len(items)


def test_a_good_arm_answers_and_the_row_tells_everything(trained_dir: Path) -> None:
    async def scenario() -> None:
        rig = Rig(trained_dir, good)
        answer = await rig.post("/recommend", ASK)
        assert answer.status == 200
        slate = answer.json
        assert valid(slate)
        assert (slate["served_by"], slate["arm"], slate["degraded"]) == (
            "primary",
            "primary",
            False,
        )
        (row,) = rig.rows()
        assert row["request_id"].hex() == slate["request_id"]
        assert row["request_id"][:2] == b"\0\0"
        assert row["role"] == "user"
        assert row["outcome"] == "ok"
        assert row["propensities"] == [
            {"arm": "primary", "chance": 1.0},
            {"arm": "fallback", "chance": 0.0},
        ]
        assert [(a["arm"], a["result"]) for a in row["attempts"]] == [("primary", "ok")]
        assert row["feature_ages"] == [{"group": "user_recent", "age_s": 2.0}]
        assert row["inputs"] == [{"feature": "f", "value": 1.0}]
        assert row["segment.platform"] == "ios"
        assert row["margin"] == pytest.approx(0.5)
        assert [s["position"] for s in row["slate"]] == [0, 1, 2, 3, 4]
        assert row["user_id"] == rig.means.hash_user("u1")
        assert encode_arrow(SERVED, rig.rows())

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("behaviour", "result", "reason"),
    [
        (slow, "late", "deadline"),
        (broken, "error", "ValueError"),
        (malformed, "error", "an item twice"),
    ],
    ids=["slow", "broken", "malformed"],
)
def test_a_bad_arm_costs_the_user_nothing_but_the_wait(
    trained_dir: Path, behaviour: Behaviour, result: str, reason: str
) -> None:
    async def scenario() -> None:
        rig = Rig(trained_dir, behaviour)
        slate = (await rig.post("/recommend", ASK)).json
        assert valid(slate)
        assert (slate["served_by"], slate["arm"], slate["degraded"]) == (
            "fallback",
            "primary",
            True,
        )
        (row,) = rig.rows()
        first, second = row["attempts"]
        assert (first["arm"], first["result"], first["reason"]) == ("primary", result, reason)
        assert (second["arm"], second["result"]) == ("fallback", "ok")
        assert row["arm"] == "primary"
        assert rig.arms.calls[0].cancelled is (result == "late" or reason == "ValueError")

    asyncio.run(scenario())


def test_an_arm_nobody_runs_is_an_error_of_the_attempt(trained_dir: Path) -> None:
    async def scenario() -> None:
        rig = Rig(trained_dir, good)
        rig.arms.behaviours.clear()
        slate = (await rig.post("/recommend", ASK)).json
        assert valid(slate)
        assert rig.rows()[0]["attempts"][0]["reason"] == "KeyError"

    asyncio.run(scenario())


def test_an_arm_that_cancels_its_answer_does_not_cancel_the_request(trained_dir: Path) -> None:
    async def cancelling(query: object) -> object:
        raise asyncio.CancelledError

    async def scenario() -> None:
        rig = Rig(trained_dir, cancelling)  # type: ignore[arg-type]
        assert valid((await rig.post("/recommend", ASK)).json)
        assert rig.rows()[0]["attempts"][0]["reason"] == "cancelled by the arm"

    asyncio.run(scenario())


def test_a_cancelled_request_cancels_its_call_and_leaves(trained_dir: Path) -> None:
    async def scenario() -> None:
        rig = Rig(trained_dir, slow)
        task = asyncio.create_task(rig.post("/recommend", ASK))
        await rig.settle(lambda: bool(rig.arms.calls))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert rig.arms.calls[0].cancelled
        assert rig.router.in_flight == 0

    asyncio.run(scenario())


def test_the_breaker_spares_users_and_probes_bring_the_arm_back(trained_dir: Path) -> None:
    async def scenario() -> None:
        rig = Rig(trained_dir, slow)
        rig.publish(arms={**rig.table.held.arms, "primary": ArmPlan("latest", 1.0, 5.0)})
        for _ in range(5):
            await rig.post("/recommend", ASK)
        calls = len(rig.arms.calls)
        await rig.post("/recommend", ASK)
        skipped = rig.rows()[-1]["attempts"][0]
        assert (skipped["result"], skipped["reason"]) == ("skipped", "breaker_open")
        assert len(rig.arms.calls) == calls

        rig.arms.behaviours["primary"] = good

        async def asked_until_closed() -> None:
            while rig.rows()[-1]["served_by"] != "primary" or rig.rows()[-1]["role"] != "user":
                answer = await rig.post("/recommend", ASK)
                assert valid(answer.json)
                await asyncio.sleep(0.01)

        await asyncio.wait_for(asked_until_closed(), 60.0)
        probes = [row for row in rig.rows() if row["role"] == "probe"]
        assert len(probes) >= 3
        assert {row["arm"] for row in probes} == {"primary"}
        users = [row for row in rig.rows() if row["role"] == "user"]
        spared = [row for row in users[5:-1] if row["attempts"][0]["result"] == "skipped"]
        assert len(spared) == len(users[5:-1])
        assert "breaker_probe_ok" in {row["attempts"][0]["reason"] for row in spared}
        await rig.router.close()

    asyncio.run(scenario())


def test_the_plan_asks_for_probes_of_an_arm_without_users(trained_dir: Path) -> None:
    async def scenario() -> None:
        rig = Rig(trained_dir, slow)
        arms = {"primary": ArmPlan("latest", 0.0, 5.0), "fallback": ArmPlan("latest", 1.0)}
        rig.publish(arms=arms, probe_per_s={"primary": 200.0})

        async def until_probed() -> None:
            while not any(row["role"] == "probe" for row in rig.rows()):
                slate = (await rig.post("/recommend", ASK)).json
                assert slate["served_by"] == "fallback"
                assert not slate["degraded"]
                await asyncio.sleep(0.005)

        await asyncio.wait_for(until_probed(), 30.0)
        row = next(row for row in rig.rows() if row["role"] == "probe")
        user_ids = {r["request_id"] for r in rig.rows() if r["role"] == "user"}
        assert row["request_id"] not in user_ids
        assert (row["arm"], row["outcome"], row["attempts"][0]["result"]) == (
            "primary",
            "late",
            "late",
        )
        assert encode_arrow(SERVED, rig.rows())
        await rig.router.close()

    asyncio.run(scenario())


def test_a_full_router_sheds_before_the_draw_and_still_answers(trained_dir: Path) -> None:
    async def scenario() -> None:
        rig = Rig(trained_dir, slow, limits=LimitRules(start=2, least=2, most=2))
        waiting = [asyncio.create_task(rig.post("/recommend", ASK)) for _ in range(2)]
        await rig.settle(lambda: len(rig.arms.calls) == 2)
        slate = (await rig.post("/recommend", ASK)).json
        assert valid(slate)
        assert (slate["arm"], slate["degraded"]) == ("", True)
        row = rig.rows()[0]
        assert (row["outcome"], row["arm"], row["queue_depth"]) == ("shed", None, 2)
        await asyncio.gather(*waiting)
        assert encode_arrow(SERVED, rig.rows())

    asyncio.run(scenario())


def test_the_clients_deadline_bounds_the_attempt(trained_dir: Path) -> None:
    async def scenario() -> None:
        rig = Rig(trained_dir, slow)
        header = {"x-request-deadline-ms": "20"}
        slate = (await rig.post("/recommend", ASK, header)).json
        assert valid(slate)
        assert rig.rows()[0]["attempts"][0]["reason"] == "no_time"
        assert rig.arms.calls == []

    asyncio.run(scenario())


def test_a_cache_hit_skips_the_arm_and_is_charged_to_the_arm_drawn(trained_dir: Path) -> None:
    async def scenario() -> None:
        store = MemoryRedis()
        rig = Rig(trained_dir, good, cache=memory_cache(store))
        rig.publish(cache_ttl_s=30.0)
        first = (await rig.post("/recommend", ASK)).json
        await rig.settle(lambda: bool(store.kept))
        (key,) = store.kept
        assert key == f"c:primary:v1:{rig.means.hash_user('u1')}:5"
        second = (await rig.post("/recommend", ASK)).json
        assert second["items"] == first["items"]
        assert (second["served_by"], second["degraded"]) == ("primary", False)
        assert [row["cache"] for row in rig.rows()] == ["bypass", "hit"]
        assert rig.rows()[1]["attempts"][0]["reason"] == "cache_hit"
        assert len(rig.arms.calls) == 1

    asyncio.run(scenario())


def test_a_cache_that_is_gone_is_a_miss_and_left_alone(trained_dir: Path) -> None:
    async def scenario() -> None:
        store = MemoryRedis()
        store.gone = True
        rig = Rig(trained_dir, good, cache=memory_cache(store))
        rig.publish(cache_ttl_s=30.0, arms={"primary": ArmPlan("v1", 1.0)})
        for _ in range(20):
            assert (await rig.post("/recommend", ASK)).json["served_by"] == "primary"
        assert store.asked < 20
        await rig.router.close()

    asyncio.run(scenario())


def test_the_stamp_is_given_only_while_both_breakers_are_closed(trained_dir: Path) -> None:
    from controller.core.plan import EvaluationPlan

    async def scenario() -> None:
        rig = Rig(trained_dir, broken)
        pair = EvaluationPlan("e7", ("primary", "fallback"), "request", 3, True)
        rig.publish(evaluation=pair)
        for _ in range(40):
            await rig.post("/recommend", ASK)
        stamps = [row["evaluation_id"] for row in rig.rows() if row["role"] == "user"]
        results = [r["attempts"][0]["result"] for r in rig.rows() if r["role"] == "user"]
        first_skipped = results.index("skipped")
        assert set(stamps[:first_skipped]) == {"e7"}
        assert set(stamps[first_skipped:]) == {""}
        await rig.router.close()

    asyncio.run(scenario())


def test_feedback_carries_the_labels_of_the_draw(trained_dir: Path) -> None:
    async def scenario() -> None:
        rig = Rig(trained_dir, good)
        slate = (await rig.post("/recommend", ASK)).json
        body = {"token": slate["token"], "clicked_positions": [3, 0, 3]}
        first = await rig.post("/feedback", body)
        second = await rig.post("/feedback", body)
        assert (first.status, second.status) == (202, 202)
        assert first.json["event_id"] == second.json["event_id"]
        outcome = rig.rows(OUTCOME)[0]
        served = rig.rows()[0]
        assert outcome["request_id"] == served["request_id"]
        assert outcome["clicked_positions"] == [0, 3]
        assert outcome["served_at_s"] == served["at_s"]
        assert outcome["arm"] == "primary"
        assert outcome["propensities"] == served["propensities"]
        assert encode_arrow(OUTCOME, rig.rows(OUTCOME))

    asyncio.run(scenario())


def test_a_segment_the_settings_do_not_name_is_refused(trained_dir: Path) -> None:
    async def scenario() -> None:
        rig = Rig(trained_dir, good)
        with pytest.raises(BadInput, match="unknown segment; accepted: platform"):
            await rig.router.recommend(RecommendRequest(user_id="u", segments={"x": "y"}), 0.0)

    asyncio.run(scenario())
