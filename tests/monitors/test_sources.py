"""Missing telemetry is said for what it is, and never taken for good news."""

from __future__ import annotations

import numpy as np
import pytest

from controller.core.readings import PLAN_ADOPTED_REVISION, ReadingState
from tests.monitors.telemetry_rows import (
    OUTCOME,
    REPLICA,
    SERVED,
    T0,
    Watch,
    batch_of,
    click,
    router,
    served,
)

BAD = "arm_bad{arm=primary}[5s]"


def running(watch, until: int = 10) -> Watch:
    set_ = watch()
    set_.tick(T0)
    for second in range(1, until + 1):
        set_.feed([served(T0 + second - 1 + n / 10) for n in range(10)])
        set_.tick(T0 + second)
    return set_


def test_a_bus_that_is_down_leaves_nothing_ok(watch) -> None:
    set_ = running(watch)
    set_.tick(T0 + 11, up=False)
    assert {reading.state for reading in set_.readings.values()} <= {
        ReadingState.DOWN,
        ReadingState.INSUFFICIENT,
    }
    assert set_[BAD].state is ReadingState.DOWN
    assert set_[BAD].note == "the bus is down"
    assert all(reading.value is None for reading in set_.readings.values())


def test_no_traffic_under_a_living_router_is_idle(watch) -> None:
    set_ = running(watch)
    for second in range(11, 25):
        set_.tick(T0 + second)
    assert set_[BAD].state is ReadingState.IDLE
    assert set_[BAD].note == "no traffic and no probes"
    assert set_["request_rate_per_s[5s]"].value == 0.0
    assert set_["source.silent_s{topic=served}"].value == pytest.approx(14.1, abs=0.1)


def test_no_telemetry_at_all_is_stale_not_idle(watch) -> None:
    set_ = running(watch)
    for second in range(11, 25):
        set_.tick(T0 + second, alive=False)
    assert set_[BAD].state is ReadingState.STALE
    assert set_["request_rate_per_s[5s]"].state is ReadingState.STALE
    assert set_["plan.adopted_epoch"].state is not ReadingState.OK
    assert set_["source.silent_s{topic=served}"].state is ReadingState.OK


def test_a_backlog_never_acts(watch) -> None:
    set_ = running(watch)
    for second in range(60, 64):
        set_.feed([served(T0 + second - 40 + n / 10, outcome="error") for n in range(10)])
        set_.tick(T0 + second)
    assert set_["source.lag_s{topic=served}"].value == pytest.approx(39.1, abs=0.2)
    assert set_[BAD].state is ReadingState.STALE
    assert set_[BAD].note == "lag 39s in selfright.served"
    assert set_["routers.live"].state is ReadingState.OK, "another topic's lag is not mine"


def test_a_cold_start_is_insufficient(watch) -> None:
    set_ = watch()
    set_.tick(T0)
    set_.tick(T0 + 1)
    assert set_[BAD].state is ReadingState.INSUFFICIENT
    assert set_[BAD].note == "watching for 1s"
    assert set_["request_rate_per_s[5s]"].state is ReadingState.INSUFFICIENT


def test_events_from_the_future_are_refused_and_counted(watch) -> None:
    set_ = running(watch)
    rows = [served(T0 + 10 + ahead) for ahead in (0.5, 4.0, 6.0, 1e6)]
    assert set_.set.update(batch_of(SERVED, rows), now_s=T0 + 10) == 2
    set_.tick(T0 + 11)
    assert set_["source.broken{topic=served}[60s]"].value == 2.0
    assert set_["source.silent_s{topic=served}"].value == 0.0


def test_a_future_nobody_could_judge_is_forgotten_at_the_next_tick(watch) -> None:
    set_ = running(watch)
    set_.feed([served(T0 + 1_000 + n / 10, outcome="error") for n in range(50)])
    set_.tick(T0 + 11)
    set_.tick(T0 + 1_005)
    assert set_["availability[5s]"].sample_size == 0


@pytest.mark.parametrize("at_s", [None, float("nan"), float("inf"), -1.0, 1e300])
def test_rows_without_a_time_are_refused(watch, at_s) -> None:
    set_ = running(watch)
    assert set_.feed([served(T0 + 9), served(T0 + 9) | {"done_at_s": at_s}]) == 1


@pytest.mark.parametrize("at_s", [None, float("nan"), float("inf"), -1.0, 1e300])
def test_absurd_draw_times_do_no_harm(watch, at_s) -> None:
    set_ = running(watch)
    with np.errstate(all="raise"):
        set_.feed([served(T0 + 9) | {"at_s": at_s}])
        set_.click([click(served(T0 + 9)) | {"served_at_s": at_s, "at_s": at_s}])
        set_.tick(T0 + 11)


def test_late_events_are_counted_and_still_part_of_later_windows(watch) -> None:
    set_ = running(watch)
    set_.feed([served(T0 + 8.5) for _ in range(7)])
    set_.tick(T0 + 11)
    assert set_["source.late{topic=served}[60s]"].value == 7.0
    assert set_["availability[5s]"].sample_size == 40 + 7


def test_a_duplicate_batch_counts_once(watch) -> None:
    set_ = running(watch)
    before = set_["availability[5s]"].sample_size
    batch = batch_of(SERVED, [served(T0 + 9.5)])
    for _ in range(3):
        set_.set.update(batch)
    set_.tick(T0 + 10)
    assert set_["availability[5s]"].sample_size == before + 1


def test_gaps_show_and_go_when_the_batch_comes_late(watch) -> None:
    set_ = running(watch)

    def numbered(seq: int):
        return batch_of(OUTCOME, [], producer_id="p9", producer_seq=seq)

    for seq in (0, 1, 4):
        set_.set.update(numbered(seq))
    set_.tick(T0 + 11)
    assert set_["source.gaps{topic=outcome}[60s]"].value == 2.0
    set_.set.update(numbered(2))
    set_.tick(T0 + 12)
    assert set_["source.gaps{topic=outcome}[60s]"].value == 1.0


def test_broken_messages_are_counted_by_topic_for_a_window(watch) -> None:
    set_ = running(watch)
    set_.set.note_broken(SERVED)
    set_.set.note_broken("selfright.weather")
    set_.tick(T0 + 11)
    assert set_["source.broken{topic=served}[60s]"].value == 1.0
    assert set_["source.broken{topic=outcome}[60s]"].value == 0.0
    set_.tick(T0 + 72)
    assert set_["source.broken{topic=served}[60s]"].value == 0.0


def test_another_services_batches_are_not_ours(watch) -> None:
    set_ = running(watch)
    before = set_["availability[5s]"].sample_size
    set_.feed([served(T0 + 9.5)], service="search")
    set_.tick(T0 + 10)
    assert set_["availability[5s]"].sample_size == before


def test_adoption_is_the_oldest_plan_among_live_routers(watch) -> None:
    set_ = watch()
    for second in range(5):
        set_.feed([router(T0 + second, plan_revision=9)], REPLICA)
        if second < 2:
            behind = router(T0 + second, replica_id="router-2", plan_epoch=4, plan_revision=12)
            set_.feed([behind], REPLICA)
        set_.tick(T0 + second, alive=False)
        if second == 1:
            assert (set_["plan.adopted_epoch"].value, set_["plan.adopted_revision"].value) == (
                4,
                12,
            )
            assert set_["routers.live"].value == 2.0
    set_.feed([router(T0 + 5, plan_revision=9)], REPLICA)
    set_.tick(T0 + 5, alive=False)
    assert set_.readings[PLAN_ADOPTED_REVISION].value == 9.0
    assert set_["routers.live"].value == 1.0


def test_a_router_without_a_plan_has_adopted_nothing(watch) -> None:
    set_ = watch()
    empty = {"plan_epoch": None, "plan_revision": None, "replica_id": "router-2"}
    set_.feed([router(T0), router(T0, **empty)], REPLICA)
    set_.tick(T0, alive=False)
    assert set_["plan.adopted_epoch"].value == 0.0


def test_no_router_heard_is_down(watch) -> None:
    set_ = watch()
    set_.tick(T0)
    set_.tick(T0 + 4, alive=False)
    assert set_["plan.adopted_revision"].state is ReadingState.DOWN
    assert set_["routers.live"].value == 0.0


def test_dropped_telemetry_counts_from_when_we_watch(watch) -> None:
    set_ = watch()
    for second, dropped in enumerate((500, 500, 520, 525)):
        set_.feed([router(T0 + second, telemetry_dropped=dropped)], REPLICA)
        set_.tick(T0 + second, alive=False)
    assert set_["telemetry.dropped[60s]"].value == 25.0


def test_queues_are_summed_over_live_replicas(watch) -> None:
    set_ = watch()

    def replica(at_s: float, name: str, depth: int, oldest_s: float):
        return router(at_s, kind="arm", arm="primary", replica_id=name) | {
            "queue_depth": depth,
            "oldest_queued_s": oldest_s,
        }

    set_.feed([replica(T0, "a", 3, 0.2), replica(T0, "b", 4, 0.5)], REPLICA)
    set_.tick(T0)
    assert set_["queue_depth{arm=primary}"].value == 7.0
    assert set_["oldest_queued_s{arm=primary}"].value == 0.5
    assert set_["queue_depth{arm=fallback}"].state in (ReadingState.IDLE, ReadingState.OK)
    set_.feed([replica(T0 + 4, "b", 1, 0.1)], REPLICA)
    set_.tick(T0 + 4)
    assert set_["queue_depth{arm=primary}"].value == 1.0
    set_.tick(T0 + 9)
    assert set_["queue_depth{arm=primary}"].state is ReadingState.DOWN
