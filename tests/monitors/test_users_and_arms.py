"""What users got, and how each arm does by itself even while users are spared."""

from __future__ import annotations

import pytest

from controller.core.readings import ReadingState
from controller.telemetry.schema import SKIPPED_BY_BREAKER
from serving.routing import verdict
from tests.monitors.telemetry_rows import T0, attempt, served


def seconds_of(rows_per_s: int, make, first: int = -10, last: int = 5):
    """(tick, rows that ended within the second before it)."""
    for second in range(first, last + 1):
        yield T0 + second, [make(T0 + second - 1 + n / rows_per_s) for n in range(rows_per_s)]


def run(watch, make, rows_per_s: int = 10, last: int = 5) -> None:
    watch.tick(T0 - 11)
    for at_s, rows in seconds_of(rows_per_s, make, last=last):
        watch.feed(rows)
        watch.tick(at_s)


def test_healthy_traffic_reads_as_it_is(watch) -> None:
    healthy = watch()
    run(healthy, served)
    assert healthy["latency_ms.p95[5s]"].value == pytest.approx(25.0, rel=0.01)
    assert healthy["latency_ms.p95[5s]"].sample_size == 50
    assert healthy["availability[5s]"].value == 1.0
    assert healthy["degraded_share[5s]"].value == 0.0
    assert healthy["shed_share[5s]"].value == 0.0
    assert healthy["request_rate_per_s[5s]"].value == 10.0
    assert healthy["arm_latency_ms.p95{arm=primary}[5s]"].value == pytest.approx(20.0, rel=0.01)
    assert healthy["arm_bad{arm=primary}[5s]"].value == 0.0
    assert healthy["arm_rate_per_s{arm=primary}[5s]"].value == 10.0


def test_window_is_the_seconds_before_the_tick(watch) -> None:
    healthy = watch()
    run(healthy, served)
    reading = healthy["availability[5s]"]
    assert (reading.window_start_s, reading.window_end_s) == (T0, T0 + 5)


def test_a_slow_arm_is_seen_while_the_fallback_keeps_users_fast(watch) -> None:
    slow = watch()

    def rescued(at_s: float):
        tries = [attempt("primary", 100.0, "late", "deadline"), attempt("fallback", 0.4)]
        return served(at_s, attempts=tries, served_by="fallback", latency_ms=101.0)

    run(slow, rescued)
    assert slow["latency_ms.p95[5s]"].value == pytest.approx(101.0, rel=0.01)
    assert slow["arm_latency_ms.p50{arm=primary}[5s]"].value == 60_000.0
    assert slow["arm_bad{arm=primary}[5s]"].value == 1.0
    assert slow["arm_bad{arm=fallback}[5s]"].value == 0.0
    assert slow["degraded_share[5s]"].value == 1.0
    assert slow["availability[5s]"].value == 1.0


def test_attempts_spared_by_an_open_breaker_are_bad_but_never_reached_the_arm(watch) -> None:
    open_breaker = watch()

    def spared(at_s: float):
        tries = [attempt("primary", 0.0, "skipped", "breaker_open"), attempt("fallback", 0.4)]
        return served(at_s, attempts=tries, served_by="fallback")

    run(open_breaker, spared)
    assert open_breaker["arm_bad{arm=primary}[5s]"].value == 1.0
    assert open_breaker["arm_latency_ms.p95{arm=primary}[5s]"].value == 60_000.0
    assert open_breaker["arm_rate_per_s{arm=primary}[5s]"].value == 0.0


def test_routers_and_monitors_mean_the_same_reason() -> None:
    assert verdict.BREAKER_OPEN == SKIPPED_BY_BREAKER
    assert SKIPPED_BY_BREAKER not in (verdict.CACHE_HIT, verdict.BREAKER_PROBE_OK, verdict.NO_TIME)


@pytest.mark.parametrize("reason", ["cache_hit", "breaker_probe_ok", "no_time"])
def test_attempts_skipped_for_other_reasons_do_not_count(watch, reason: str) -> None:
    skipped = watch()
    run(skipped, lambda at_s: served(at_s, attempts=[attempt("primary", 0.0, "skipped", reason)]))
    assert skipped["arm_bad{arm=primary}[5s]"].state is ReadingState.INSUFFICIENT
    assert skipped["arm_bad{arm=primary}[5s]"].sample_size == 0


def test_probes_feed_the_arm_and_never_users(watch) -> None:
    drained = watch()

    def with_probe(at_s: float):
        return served(at_s, role="probe", arm="primary", attempts=[attempt("primary", 300.0)])

    run(drained, with_probe, rows_per_s=5)
    assert drained["arm_latency_ms.p95{arm=primary}[5s]"].value == pytest.approx(300, rel=0.01)
    assert drained["arm_latency_ms.p95{arm=primary}[5s]"].sample_size == 25
    assert drained["latency_ms.p95[5s]"].state is ReadingState.IDLE


def test_shadows_count_nowhere(watch) -> None:
    shadowed = watch()
    run(shadowed, lambda at_s: served(at_s, role="shadow"))
    assert shadowed["arm_rate_per_s{arm=primary}[5s]"].value == 0.0
    assert shadowed["arm_bad{arm=primary}[5s]"].state is ReadingState.IDLE


def test_errors_lower_availability_and_shed_is_told_apart(watch) -> None:
    mixed = watch()

    def row(at_s: float):
        place = round((at_s % 1.0) * 10)
        kinds = {0: ("error", None), 1: ("shed", "last_resort"), 2: ("late", "primary")}
        outcome, by = kinds.get(place, ("ok", "primary"))
        arm = None if outcome == "shed" else "primary"
        return served(at_s, outcome=outcome, served_by=by, arm=arm, attempts=[])

    run(mixed, row)
    assert mixed["availability[5s]"].value == pytest.approx(0.9)
    assert mixed["shed_share[5s]"].value == pytest.approx(0.1)
    assert mixed["degraded_share[5s]"].value == pytest.approx(0.3)


def test_invalid_requests_are_nobodys_fault(watch) -> None:
    clients = watch()
    run(clients, lambda at_s: served(at_s, outcome="invalid", arm=None, attempts=[]))
    assert clients["request_rate_per_s[5s]"].value == 0.0
    assert clients["availability[5s]"].state is ReadingState.IDLE


def test_few_requests_are_insufficient_not_good(watch) -> None:
    quiet = watch()
    run(quiet, served, rows_per_s=3)
    reading = quiet["arm_bad{arm=primary}[5s]"]
    assert (reading.state, reading.value) == (ReadingState.INSUFFICIENT, None)
    assert reading.note == "15 of 20"


def test_an_arm_settings_do_not_name_gets_its_own_series(watch) -> None:
    other = watch()
    run(other, lambda at_s: served(at_s, arm="challenger"))
    assert other["arm_bad{arm=challenger}[5s]"].value == 0.0


def test_more_arms_than_the_limit_share_one_series(watch) -> None:
    flooded = watch()
    flooded.tick(T0 - 10)
    flooded.feed([served(T0 - 1, arm=f"arm-{n}") for n in range(100)])
    flooded.feed([served(T0 - 1, arm="x}\n{y=1") for _ in range(5)])
    flooded.tick(T0)
    arms = {key.labels for key in flooded.readings if key.name == "arm_bad"}
    assert len(arms) <= 65
    assert flooded["arm_rate_per_s{arm=other}[5s]"].value > 0.0
    assert not any("}" in value for labels in arms for _, value in labels)
