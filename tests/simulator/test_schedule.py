"""Faults as text."""

from __future__ import annotations

import pytest

from controller.errors import BadInput
from simulator.live.schedule import Scheduled, checked, scheduled


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("slow_primary@30+40", Scheduled("slow_primary", 30.0, 40.0)),
        ("redis_gone@2.5", Scheduled("redis_gone", 2.5, 0.0)),
        ("nothing@0+1.5", Scheduled("nothing", 0.0, 1.5)),
    ],
)
def test_a_fault_reads_back_as_it_is_written(text: str, fault: Scheduled) -> None:
    assert scheduled(text) == fault
    assert str(fault) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("slow_primary", "NAME@AT\\+FOR in seconds is accepted"),
        ("slow_primary@-3+4", "NAME@AT\\+FOR in seconds is accepted"),
        ("slow@3+4", "unknown fault 'slow'; accepted: nothing, slow_primary"),
    ],
)
def test_an_unknown_or_malformed_fault_is_refused(text: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        scheduled(text)


def test_a_fault_that_outlives_the_run_is_refused() -> None:
    with pytest.raises(BadInput, match=r"nothing@5\+10 is not over before the run is, after 15 s"):
        checked(Scheduled("nothing", 5.0, 10.0), duration_s=15.0)
