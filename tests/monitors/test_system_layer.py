"""Routes, probes, replicas, queues' slopes, head-room and cost read as what was fed to them."""

from __future__ import annotations

import numpy as np
import pytest

from controller.core.readings import ReadingState
from controller.monitors.counting.sums import Sums
from controller.settings import Prices
from controller.telemetry.schema import REPLICA
from tests.monitors.telemetry_rows import T0, attempt, router, served


def run(watch, make, rows_per_s: int = 10, seconds: int = 15):
    """``make(n, at_s)`` is one row; the last tick is at T0 + 5."""
    watch.tick(T0 + 5 - seconds - 1)
    for second in range(5 - seconds, 6):
        at_s = T0 + second - 1
        watch.feed([make(n, at_s + n / rows_per_s) for n in range(rows_per_s)])
        watch.tick(T0 + second)
    return watch


def replica(at_s: float, name: str = "a1", arm: str = "primary", **more):
    row = {"at_s": at_s, "replica_id": name, "kind": "arm", "arm": arm, "queue_depth": 0}
    return row | {"cpu_share": 0.5, "memory_mb": 300.0, "in_flight": 2} | more


def reported(watch, make, seconds: int = 40):
    """``make(second)`` is the replicas' rows of that second; the last tick is at T0."""
    watch.tick(T0 - seconds - 1)
    for second in range(-seconds, 1):
        watch.feed(make(second), REPLICA)
        watch.tick(T0 + second)
    return watch


def test_a_route_shows_its_own_rate_errors_and_latency(watch) -> None:
    def row(n: int, at_s: float):
        if n < 5:
            return served(at_s, product_feature_id="home", latency_ms=30.0)
        outcome = "error" if n == 5 else "ok"
        return served(at_s, product_feature_id="detail", latency_ms=90.0, outcome=outcome)

    mixed = run(watch(), row)
    assert mixed["route_rate_per_s{route=home}[5s]"].value == 5.0
    assert mixed["route_errors{route=home}[5s]"].value == 0.0
    assert mixed["route_errors{route=detail}[5s]"].value == pytest.approx(0.2)
    assert mixed["route_latency_ms.p95{route=home}[5s]"].value == pytest.approx(30.0, rel=0.05)
    assert mixed["route_latency_ms.p95{route=detail}[5s]"].value == 60_000.0


def test_requests_without_a_product_feature_are_of_the_default_route(watch) -> None:
    plain = run(watch(), lambda n, at_s: served(at_s, product_feature_id=None if n else ""))
    assert plain["route_rate_per_s{route=default}[5s]"].value == 10.0


def test_a_route_that_lost_its_traffic_is_idle(watch) -> None:
    quiet = watch()
    quiet.tick(T0 - 20)
    quiet.feed([served(T0 - 15, product_feature_id="home")])
    quiet.tick(T0 - 10)
    quiet.tick(T0)
    assert quiet["route_errors{route=home}[5s]"].state is ReadingState.IDLE
    assert quiet["route_rate_per_s{route=home}[5s]"].value == 0.0


def test_more_routes_than_the_limit_share_one_series(watch) -> None:
    flooded = watch()
    flooded.tick(T0 - 10)
    flooded.feed([served(T0 - 1, product_feature_id=f"page-{n}") for n in range(100)])
    flooded.tick(T0)
    routes = {key.labels for key in flooded.readings if key.name == "route_errors"}
    assert len(routes) <= 17
    assert flooded["route_rate_per_s{route=other}[5s]"].value > 10.0


def test_probes_are_seen_apart_from_users(watch) -> None:
    def row(n: int, at_s: float):
        if n % 2:
            return served(at_s)
        tries = [attempt("primary", 40.0, "error" if n == 0 else "ok")]
        return served(at_s, role="probe", attempts=tries)

    probed = run(watch(), row)
    assert probed["probe_rate_per_s{arm=primary}[5s]"].value == 5.0
    assert probed["probe_bad{arm=primary}[5s]"].value == pytest.approx(0.2)
    assert probed["probe_latency_ms.p95{arm=primary}[5s]"].value == 60_000.0
    assert probed["probe_bad{arm=fallback}[5s]"].state is ReadingState.IDLE


def test_healthy_probes_show_their_latency(watch) -> None:
    tries = [attempt("primary", 40.0)]
    probed = run(watch(), lambda n, at_s: served(at_s, role="probe", attempts=tries))
    assert probed["probe_latency_ms.p95{arm=primary}[5s]"].value == pytest.approx(40.0, rel=0.05)
    assert probed["arm_latency_ms.p95{arm=primary}[5s]"].sample_size == 50


def test_replicas_show_their_use_and_arms_the_mean(watch) -> None:
    def rows(second: int):
        at_s = T0 + second
        return [replica(at_s, "a1", cpu_share=0.9), replica(at_s, "a2", cpu_share=0.3)]

    used = reported(watch(), rows, seconds=5)
    assert used["replica_cpu_share{replica=a1}"].value == 0.9
    assert used["replica_memory_mb{replica=a2}"].value == 300.0
    assert used["replica_in_flight{replica=a1}"].value == 2.0
    assert used["arm_cpu_share{arm=primary}"].value == pytest.approx(0.6)
    assert used["arm_cpu_share{arm=fallback}"].state is ReadingState.IDLE
    assert used["replica_cpu_share{replica=router-1}"].state is ReadingState.INSUFFICIENT


def answering(*answers_ms: float | None):
    """Replicas of one arm, each with its mean time; None: it has nothing to do."""

    def rows(second: int):
        told = enumerate(answers_ms)
        return [replica(T0 + second, f"a{n}", answer_ms=each_ms) for n, each_ms in told]

    return rows


def test_one_replica_that_takes_three_times_as_long_as_the_others_is_slow(watch) -> None:
    slow = reported(watch(), answering(20.0, 25.0, 90.0, 22.0), seconds=5)
    assert slow["slow_replicas{arm=primary}"].value == 1.0
    assert slow["replica_answer_ms{replica=a2}"].value == 90.0
    two = reported(watch(), answering(100.0, 20.0), seconds=5)
    assert two["slow_replicas{arm=primary}"].value == 1.0


def test_an_arm_that_is_slow_as_a_whole_has_no_slow_replica(watch) -> None:
    whole = reported(watch(), answering(400.0, 450.0, 500.0), seconds=5)
    assert whole["slow_replicas{arm=primary}"].value == 0.0
    tiny = reported(watch(), answering(0.5, 0.5, 4.0), seconds=5)
    assert tiny["slow_replicas{arm=primary}"].value == 0.0


def test_a_replica_is_compared_with_those_that_have_something_to_do(watch) -> None:
    alone = reported(watch(), answering(90.0, None), seconds=5)
    assert alone["slow_replicas{arm=primary}"].state is ReadingState.INSUFFICIENT
    idle = reported(watch(), answering(None, None), seconds=5)
    assert idle["slow_replicas{arm=primary}"].state is ReadingState.IDLE


def test_a_dead_replica_is_down_and_leaves_after_a_minute(watch) -> None:
    lost = reported(watch(), lambda second: [replica(T0 + second)], seconds=3)
    lost.tick(T0 + 5)
    assert lost["replica_cpu_share{replica=a1}"].state is ReadingState.DOWN
    assert lost["arm_cpu_share{arm=primary}"].value is None
    lost.tick(T0 + 61)
    assert "a1" not in {value for key in lost.readings for _, value in key.labels}


def test_replicas_beyond_the_limit_show_the_worst_of_them(watch) -> None:
    def rows(second: int):
        return [replica(T0 + second, f"a{n:03}", cpu_share=n / 100) for n in range(100)]

    many = reported(watch(), rows, seconds=2)
    series = [key for key in many.readings if key.name == "replica_cpu_share"]
    assert len(series) <= 65
    assert many["replica_cpu_share{replica=other}"].value == 0.99


def test_a_growing_queue_has_a_slope_that_one_pause_does_not_have(watch) -> None:
    def growing(second: int):
        return [replica(T0 + second, queue_depth=100 + 3 * second)]

    def paused(second: int):
        return [replica(T0 + second, queue_depth=500 if second in (-3, -4) else 2)]

    key = "queue_depth.slope{arm=primary}"
    grows = reported(watch(), growing)[key]
    assert grows.value == pytest.approx(3.0)
    assert grows.window_end_s - grows.window_start_s == 30.0
    assert reported(watch(), paused)[key].value == 0.0


def test_the_slope_waits_for_samples_and_dies_with_the_replicas(watch) -> None:
    key = "queue_depth.slope{arm=primary}"
    young = reported(watch(), lambda second: [replica(T0 + second)], seconds=9)
    assert young[key].state is ReadingState.INSUFFICIENT
    assert young["queue_depth.slope{arm=fallback}"].note == "watching for 10s"
    young.tick(T0 + 9)
    assert young[key].state is ReadingState.DOWN


def test_slopes_and_head_room_survive_a_restart(watch) -> None:
    one, two = loaded(watch(), 20), watch()
    two.set.restore(one.set.snapshot())
    for each in (one, two):
        each.feed([router(T0 + 1)], REPLICA, producer_id="again")
        each.readings = each.set.read(T0 + 1, True)
    for key in ("queue_depth.slope{arm=primary}", "head_room{arm=primary}[10s]"):
        assert one[key].state is ReadingState.OK
        assert one[key] == two[key]


def loaded(watch, rate_per_s: int, seconds: int = 90, cores_per_request: float = 0.02):
    """Two replicas that need so much of a core for each request, besides 5 % for nothing."""
    watch.tick(T0 - seconds - 1)
    share = 0.05 + rate_per_s * cores_per_request / 2
    for second in range(-seconds, 1):
        at_s = T0 + second
        watch.feed([served(at_s - 1 + n / rate_per_s) for n in range(rate_per_s)])
        reports = [replica(at_s - 0.5, name, cpu_share=share) for name in ("a1", "a2")]
        watch.feed(reports, REPLICA)
        watch.tick(at_s)
    return watch


@pytest.mark.parametrize(("rate_per_s", "left"), [(20, 0.75), (60, 0.35)])
def test_head_room_is_what_the_processors_have_left(watch, rate_per_s: int, left: float) -> None:
    reading = loaded(watch(), rate_per_s)["head_room{arm=primary}[10s]"]
    assert reading.value == pytest.approx(left, abs=0.01)


def test_capacity_is_remembered_when_the_traffic_goes(watch) -> None:
    drained = loaded(watch(), 60)
    for second in range(1, 41):
        drained.feed(
            [replica(T0 + second - 0.5, name, cpu_share=0.05) for name in ("a1", "a2")], REPLICA
        )
        drained.tick(T0 + second)
    assert drained["head_room{arm=primary}[10s]"].value == 1.0


def test_head_room_is_unknown_until_enough_was_seen(watch) -> None:
    young = loaded(watch(), 20, seconds=40)["head_room{arm=primary}[10s]"]
    assert young.state is ReadingState.INSUFFICIENT
    assert "busy spans" in young.note
    in_routers = loaded(watch(), 20, seconds=12)["head_room{arm=fallback}[10s]"]
    assert in_routers.state is ReadingState.INSUFFICIENT
    assert in_routers.note == "no replica reports its processor"


def routed(watch, routers, rate_per_s: int = 20, seconds: int = 40, learnt: bool = False):
    """Routers that report what they measured of the fallback: by second, name and per second."""
    watch.tick(T0 - seconds - 1)
    for second in range(-seconds, 1):
        at_s = T0 + second
        watch.feed([served(at_s - 1 + n / rate_per_s, arm="fallback") for n in range(rate_per_s)])
        reports = [
            router(at_s - 0.5, replica_id=name, capacities=[{"arm": "fallback", "per_s": per_s}])
            for name, per_s in routers(second)
        ]
        watch.feed(reports, REPLICA)
        if learnt:
            own = [replica(at_s - 0.5, "f1", arm="fallback", cpu_share=0.4)]
            watch.feed(own, REPLICA)
        watch.tick(at_s)
    return watch


CAPACITY_KEY = "arm_capacity_per_s{arm=fallback}[10s]"


def test_what_routers_measured_of_an_arm_is_summed_and_its_head_room_known_at_once(watch) -> None:
    two = routed(watch(), lambda second: [("r1", 60.0), ("r2", 40.5)], seconds=30)
    assert two[CAPACITY_KEY].value == pytest.approx(100.5)
    assert two["head_room{arm=fallback}[10s]"].value == pytest.approx(1.0 - 20.0 / 100.5)
    assert two["arm_capacity_per_s{arm=primary}[10s]"].state is ReadingState.INSUFFICIENT


def test_a_measured_capacity_is_known_without_traffic(watch) -> None:
    idle = watch()
    for second in range(-30, 1):
        told = router(T0 + second - 0.5, capacities=[{"arm": "fallback", "per_s": 50.0}])
        idle.feed([told], REPLICA)
        idle.tick(T0 + second)
    assert idle[CAPACITY_KEY].value == pytest.approx(50.0)
    assert idle["head_room{arm=fallback}[10s]"].value == 1.0


def test_a_router_that_stops_reporting_leaves_the_sum(watch) -> None:
    def until(second: int):
        return [("r1", 60.0), ("r2", 40.0)] if second < -20 else [("r1", 60.0)]

    assert routed(watch(), until)[CAPACITY_KEY].value == pytest.approx(60.0)


def test_where_traffic_shows_a_lower_capacity_than_was_measured_the_lower_holds(watch) -> None:
    # 0.4 cores for 20/s: a core bears 50/s.
    low = routed(watch(), lambda second: [("r1", 400.0)], seconds=90, learnt=True)
    assert low[CAPACITY_KEY].value == pytest.approx(50.0, abs=0.5)
    high = routed(watch(), lambda second: [("r1", 30.0)], seconds=90, learnt=True)
    assert high[CAPACITY_KEY].value == pytest.approx(30.0)


@pytest.mark.parametrize("per_s", [0.0, -5.0, float("nan"), float("inf"), 1e12, None])
def test_a_capacity_that_cannot_be_is_no_capacity(watch, per_s) -> None:
    wrong = routed(watch(), lambda second: [("r1", per_s)], seconds=30)
    assert wrong[CAPACITY_KEY].state is ReadingState.INSUFFICIENT


PRICES = Prices(cpu_core_hour=3.6, gpu_hour=36.0, memory_gb_hour=3.6)


def paid(watch, make):
    """A minute of requests, read at a multiple of ten seconds."""
    return run(watch(prices=PRICES), make, seconds=80)


def test_cost_is_priced_by_the_settings_for_each_label(watch) -> None:
    def row(n: int, at_s: float):
        route = "home" if n % 2 else "detail"
        return served(at_s, cpu_ms=2.0, gpu_ms=0.5, memory_mb_s=3.0, product_feature_id=route)

    # A millisecond of processor costs 1e-6, one of accelerator 1e-5, a MB for a second 1e-6.
    each = 1_000 * (2e-6 + 0.5e-5 + 3e-6)
    bill = paid(watch, row)
    for key in (
        "cost_per_1000{arm=primary}[60s]",
        "cost_per_1000_by_route{route=home}[60s]",
        "cost_per_1000_by_version{model_version=v1}[60s]",
    ):
        assert bill[key].value == pytest.approx(each, rel=1e-6)
    assert bill["cost_per_1000_by_route{route=home}[60s]"].sample_size == 300


def test_what_failed_costs_too_and_the_fallbacks_answer_is_charged_to_the_arm_drawn(watch) -> None:
    def row(n: int, at_s: float):
        tries = [attempt("primary", 100.0, "late"), attempt("fallback", 1.0)]
        tries[1]["model_version"] = "popular-3"
        outcome = "error" if n < 5 else "ok"
        by = None if n < 5 else "fallback"
        return served(at_s, cpu_ms=1.0, attempts=tries, served_by=by, outcome=outcome)

    bill = paid(watch, row)
    assert bill["cost_per_1000{arm=primary}[60s]"].value == pytest.approx(2e-3)
    assert bill["cost_per_1000_by_version{model_version=popular-3}[60s]"].value == pytest.approx(
        1e-3
    )


@pytest.mark.parametrize(("unknown", "is_ok"), [(4, True), (6, False)])
def test_cost_says_so_when_most_of_it_is_unknown(watch, unknown: int, is_ok: bool) -> None:
    bill = paid(watch, lambda n, at_s: served(at_s, cpu_ms=None if n < unknown else 2.0))
    reading = bill["cost_per_1000{arm=primary}[60s]"]
    assert (reading.state is ReadingState.OK) is is_ok
    assert reading.sample_size == (10 - unknown) * 60
    if is_ok:
        assert reading.value == pytest.approx(2e-3)


def test_cost_of_nothing_is_idle_and_probes_are_not_in_it(watch) -> None:
    bill = paid(watch, lambda n, at_s: served(at_s, role="probe", cpu_ms=2.0))
    assert not [key for key in bill.readings if key.name.startswith("cost_per")]


def test_amounts_are_summed_by_series_and_step_however_far_apart() -> None:
    sums = Sums(2, step_s=10)
    codes, seconds = np.array([0, 1, 0, 0]), np.array([100, 109, 110, 10_000])
    sums.weigh(("a", "b"), codes, seconds, 1, np.array([2.0**40, 3.0, 5.0, 7.0]))
    assert sums.window("a", 100, 110).tolist() == [0, 2**40]
    assert sums.window("a", 100, 120).tolist() == [0, 2**40 + 5]
    assert sums.window("b", 0, 20_000).tolist() == [0, 3]
    assert sums.window("a", 0, 20_000).tolist() == [0, 2**40 + 12]
