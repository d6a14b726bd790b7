"""A reading is made when it is asked for: what it was at its tick, or an error."""

from __future__ import annotations

import pytest

from controller.core.readings import SignalKey
from controller.monitors.monitor_set import MonitorSet
from controller.settings import Settings
from controller.telemetry.schema import REPLICA, SERVED
from tests.monitors.telemetry_rows import T0, batch_of, router, served

P95 = SignalKey("latency_ms.p95", (), 5.0)
RATE = SignalKey("request_rate_per_s", (), 5.0)
P50 = SignalKey("latency_ms.p50", (), 5.0)
"""Nobody else asks for it at a tick."""


def watching() -> MonitorSet:
    found = MonitorSet(Settings())
    found.read(T0 - 10.0, True)
    found.update(batch_of(SERVED, [served(T0 - 1.5) for _ in range(30)]))
    found.update(batch_of(REPLICA, [router(T0)]))
    return found


@pytest.fixture
def monitors() -> MonitorSet:
    return watching()


def test_a_reading_asked_for_in_time_stays_what_it_was(monitors: MonitorSet) -> None:
    readings = monitors.read(T0, True)
    before = readings[P95]
    assert before.sample_size == 30
    monitors.update(batch_of(SERVED, [served(T0 - 1.5, latency_ms=900.0)] * 30))
    assert readings[P95] is before


@pytest.mark.parametrize("change", ["update", "read"])
def test_a_reading_asked_for_too_late_is_an_error(monitors: MonitorSet, change: str) -> None:
    readings = monitors.read(T0, True)
    assert readings[P95].value is not None
    if change == "update":
        monitors.update(batch_of(REPLICA, [router(T0 + 1.0)]))
    else:
        monitors.read(T0 + 1.0, True)
    with pytest.raises(RuntimeError, match="after their tick"):
        readings[P50]


def test_a_copy_is_good_for_ever(monitors: MonitorSet) -> None:
    readings = monitors.read(T0, True)
    copy = dict(readings)
    monitors.read(T0 + 1.0, True)
    assert copy[RATE].sample_size == 30
    assert len(copy) == len(readings) > 50


def test_the_order_of_asking_changes_nothing(monitors: MonitorSet) -> None:
    every = dict(monitors.read(T0, True))
    backwards = watching().read(T0, True)
    assert {key: backwards[key] for key in reversed(list(every))} == every


def test_what_nobody_measures_is_not_there(monitors: MonitorSet) -> None:
    readings = monitors.read(T0, True)
    assert readings.get(SignalKey("nobody.knows")) is None
    assert readings.get(SignalKey("latency_ms.p95", (), 77.0)) is None
    monitors.want([SignalKey("latency_ms.p95", (), 77.0)])
    assert monitors.read(T0, True).get(SignalKey("latency_ms.p95", (), 77.0)) is not None
