"""What a replica tells of its own process."""

from __future__ import annotations

import pytest

from serving.replica_report import ReplicaReport


def test_requests_at_once_share_the_memory_of_their_time() -> None:
    report = ReplicaReport("arm-primary-1", "arm", "primary")
    row = report.row(in_flight=4, queue_depth=4, dropped_rows=0, version="v1")
    assert row["memory_mb"] > 10.0
    assert row["gpu_share"] is None
    assert report.memory_mb_s(2.0, 4) == pytest.approx(row["memory_mb"] / 2.0)
    assert report.memory_mb_s(2.0, 0) == pytest.approx(row["memory_mb"] * 2.0)
