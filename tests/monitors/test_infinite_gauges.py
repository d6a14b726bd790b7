"""A number that is not finite is a violation, and in no reading."""

from __future__ import annotations

import math

import pytest

from controller.settings import Settings
from controller.telemetry.schema import REPLICA, SERVED
from tests.monitors.telemetry_rows import T0, Watch, router, served

GAUGES = {"cpu_share": "replica_cpu_share", "memory_mb": "replica_memory_mb"}
NOT_FINITE = [math.inf, -math.inf, math.nan]


@pytest.mark.parametrize("value", NOT_FINITE)
@pytest.mark.parametrize(("column", "signal"), GAUGES.items())
def test_a_gauge_that_is_not_finite_is_in_no_reading(
    column: str, signal: str, value: float
) -> None:
    watch = Watch(Settings())
    watch.tick(T0)
    row = router(T0 + 1, replica_id="a1", kind="arm", arm="primary")
    watch.feed([row | {column: value}, router(T0 + 1)], REPLICA)
    watch.tick(T0 + 1)
    assert watch[f"{signal}{{replica=a1}}"].value is None
    assert watch["arm_cpu_share{arm=primary}"].value is None
    told = [r.value for r in watch.readings.values() if r.value is not None]
    assert all(map(math.isfinite, told))


@pytest.mark.parametrize("value", NOT_FINITE)
def test_what_is_not_finite_counts_as_a_violation(value: float) -> None:
    watch = Watch(Settings())
    for second in range(-70, 0):
        watch.tick(T0 + second)
    rows = [router(T0, kind="arm", arm="primary", cpu_share=value), router(T0, cpu_share=0.5)]
    watch.feed([*rows, router(T0, cpu_share=None)], REPLICA)
    watch.feed([served(T0, latency_ms=value), served(T0)], SERVED)
    watch.tick(T0 + 10)
    assert watch["schema_violations{topic=replica}[60s]"].value == 1
    assert watch["schema_violations{topic=served}[60s]"].value == 1


def test_one_infinite_gauge_leaves_the_mean_to_the_others() -> None:
    watch = Watch(Settings())
    watch.tick(T0)
    for name, cpu_share in (("a1", math.inf), ("a2", 0.5)):
        row = router(T0 + 1, replica_id=name, kind="arm", arm="primary", cpu_share=cpu_share)
        watch.feed([row | {"oldest_queued_s": cpu_share}], REPLICA)
    watch.tick(T0 + 1)
    assert watch["arm_cpu_share{arm=primary}"].value == 0.5
    assert watch["oldest_queued_s{arm=primary}"].value is None
