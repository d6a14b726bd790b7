"""Playbooks may ask for other windows and for series nobody has heard of yet."""

from __future__ import annotations

import pytest

from controller.core.readings import Catalogue, ReadingState, SignalKey
from controller.monitors.layers import MONITORS, catalogue_of
from controller.settings import Settings
from tests.monitors.telemetry_rows import T0, Watch, served

ARM = (("arm", "primary"),)


def fed(set_: Watch, seconds: int) -> Watch:
    set_.tick(T0)
    for second in range(1, seconds + 1):
        set_.feed([served(T0 + second - 1 + n / 10) for n in range(10)])
        set_.tick(T0 + second)
    return set_


def test_a_wanted_window_is_read_beside_the_default(watch) -> None:
    set_ = watch()
    set_.set.want([SignalKey("arm_bad", ARM, 30.0)])
    fed(set_, 40)
    assert set_["arm_bad{arm=primary}[30s]"].sample_size == 300
    assert set_["arm_bad{arm=primary}[5s]"].sample_size == 50
    assert "arm_bad{arm=fallback}[30s]" not in {str(key) for key in set_.readings}


def test_counts_are_kept_for_the_longest_wanted_window(watch) -> None:
    set_ = watch()
    set_.set.want([SignalKey("availability", (), 400.0)])
    fed(set_, 480)
    assert set_["availability[400s]"].sample_size == 4_000


def test_a_variable_stands_for_every_series(watch) -> None:
    set_ = watch()
    set_.set.want([SignalKey("default_rate", (("feature_group", "$feature_group"),), 20.0)])
    fed(set_, 5)
    keys = {str(key) for key in set_.readings}
    assert "default_rate{feature_group=user_recent}[20s]" in keys
    assert "default_rate{feature_group=item_hour}[20s]" in keys
    assert not any("$" in key for key in keys)


def test_an_arm_nobody_has_heard_of_reads_as_idle(watch) -> None:
    set_ = watch()
    set_.set.want([SignalKey("arm_bad", (("arm", "challenger"),), 10.0)])
    fed(set_, 20)
    assert set_["arm_bad{arm=challenger}[10s]"].state is ReadingState.IDLE


def test_wanting_again_replaces_what_was_wanted(watch) -> None:
    set_ = watch()
    set_.set.want([SignalKey("availability", (), 30.0)])
    set_.set.want([SignalKey("anomaly(availability)"), SignalKey("shed_share", (), 10.0)])
    fed(set_, 2)
    keys = {str(key) for key in set_.readings}
    assert "availability[30s]" not in keys
    assert "shed_share[10s]" in keys


def test_a_window_nobody_keeps_is_refused(watch) -> None:
    with pytest.raises(ValueError, match="at most 3600s"):
        watch().set.want([SignalKey("availability", (), 7_200.0)])


def test_every_reading_is_of_the_catalogue_and_has_its_labels(watch) -> None:
    set_ = fed(watch(), 10)
    for key in set_.readings:
        spec = set_.set.catalogue.specs[key.name]
        assert tuple(name for name, _ in key.labels) == spec.labels
        assert key.window_s == spec.default_window_s


def test_values_are_there_only_when_ok(watch) -> None:
    for reading in fed(watch(), 3).readings.values():
        assert (reading.value is not None) == (reading.state is ReadingState.OK)
        assert reading.note or reading.state is ReadingState.OK


def test_no_two_monitors_declare_one_signal() -> None:
    catalogue = catalogue_of(Settings())
    assert {"ctr", "arm_latency_ms.p95", "drift.shifted_features", "source.silent_s"} <= set(
        catalogue.specs
    )
    with pytest.raises(ValueError, match="declared twice"):
        Catalogue.of([*MONITORS[0].specs, *MONITORS[0].specs])
