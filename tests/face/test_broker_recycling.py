"""The embedded broker is recycled beyond its limit, once its readers have caught up."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.core.readings import Reading, ReadingState, SignalKey
from controller.shell.readings_file import ReadingsFile
from selfright.broker_recycling import LEAST_GAP_S, BrokerRecycling
from serving.pipeline.lag_file import LagFile


def _lags(folder: Path, *, controller: float | None = None, pipeline: float | None = None) -> None:
    (folder / "run").mkdir(exist_ok=True)
    if controller is not None:
        reading = Reading(controller, ReadingState.OK, 0, 0.0, 0.0)
        about = {"role": "leader", "standing": "it judges", "pages": False}
        key = SignalKey("source.lag_s", (("topic", "served"),))
        ReadingsFile(folder).write(1.0, {key: reading}, about)
    if pipeline is not None:
        LagFile(folder).write(pipeline, 1.0)


@pytest.fixture
def recycling(tmp_path: Path) -> BrokerRecycling:
    _lags(tmp_path, controller=0.5, pipeline=0.5)
    return BrokerRecycling(tmp_path, limit_mb=100.0)


def test_below_the_limit_nothing_happens(recycling: BrokerRecycling) -> None:
    assert recycling.due(99.0, now_s=10.0) == ""


def test_beyond_the_limit_the_reason_carries_the_numbers(recycling: BrokerRecycling) -> None:
    assert "it holds 150 MB, over its limit of 100 MB" in recycling.due(150.0, now_s=10.0)


def test_a_reader_that_lags_is_waited_for(recycling: BrokerRecycling, tmp_path: Path) -> None:
    _lags(tmp_path, pipeline=8.0)
    assert recycling.due(150.0, now_s=10.0) == ""
    _lags(tmp_path, pipeline=0.1)
    assert recycling.due(150.0, now_s=20.0) != ""


def test_a_reader_that_says_nothing_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    assert BrokerRecycling(tmp_path, 100.0).due(150.0, now_s=10.0) == ""


def test_beyond_twice_the_limit_nobody_is_waited_for(
    recycling: BrokerRecycling, tmp_path: Path
) -> None:
    _lags(tmp_path, controller=60.0)
    assert recycling.due(201.0, now_s=10.0) != ""


def test_two_recyclings_keep_their_distance(recycling: BrokerRecycling) -> None:
    assert recycling.due(150.0, now_s=10.0) != ""
    assert recycling.due(150.0, now_s=10.0 + LEAST_GAP_S - 1) == ""
    assert recycling.due(150.0, now_s=10.0 + LEAST_GAP_S + 1) != ""
