"""Virtual time passes in order, and nothing in it is left to chance."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.kernel import Kernel, Priority


def test_events_run_by_time_then_priority_then_order_of_scheduling() -> None:
    kernel, ran = Kernel(100.0), []
    for at_s, priority, name in (
        (102.0, Priority.WORLD, "late"),
        (101.0, Priority.CHECK, "checked"),
        (101.0, Priority.WORLD, "first"),
        (101.0, Priority.WORLD, "second"),
        (101.0, Priority.DELIVERY, "delivered"),
    ):
        kernel.at(at_s, lambda name=name: ran.append(name), priority)  # type: ignore[misc]
    kernel.run_until(101.5)
    assert ran == ["first", "second", "delivered", "checked"]
    assert kernel.now_s == 101.5
    kernel.run_until(110.0)
    assert ran[-1] == "late"


def test_an_event_may_schedule_another_at_its_own_time() -> None:
    kernel, ran = Kernel(0.0), []
    kernel.at(1.0, lambda: kernel.at(1.0, lambda: ran.append(kernel.now_s)))
    kernel.run_until(1.0)
    assert ran == [1.0]


def test_the_past_is_refused() -> None:
    kernel = Kernel(5.0)
    with pytest.raises(ValueError, match=r"4\.0 has passed"):
        kernel.at(4.0, lambda: None)


@given(st.lists(st.integers(0, 50), max_size=40), st.lists(st.integers(0, 60), max_size=10))
def test_time_never_goes_back_however_it_is_run(due: list[int], stops: list[int]) -> None:
    kernel, seen = Kernel(0.0), []
    for at_s in due:
        kernel.at(float(at_s), lambda: seen.append(kernel.now_s))
    for stop in [*sorted(stops), 60]:
        kernel.run_until(float(stop))
    assert seen == sorted(float(at_s) for at_s in due)
