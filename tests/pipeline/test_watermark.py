"""The watermark: the least of the partitions that are alive, and never backwards."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from serving.pipeline.watermark import FUTURE_S, RESUME_S, SILENT_S, Watermark

ONE, OTHER = ("served", 0), ("outcome", 0)


def started() -> Watermark:
    """Past the time a start gives every partition."""
    watermark = Watermark([ONE, OTHER], 0.0)
    watermark.advance(RESUME_S)
    return watermark


def test_slowest_live_partition_decides() -> None:
    watermark = started()
    watermark.observe(ONE, 99.0, 100.0)
    watermark.observe(OTHER, 90.0, 100.0)
    assert watermark.advance(100.0) == 90.0


def test_a_silent_partition_leaves_after_two_ticks() -> None:
    watermark = started()
    watermark.observe(ONE, 99.0, 100.0)
    watermark.observe(OTHER, 90.0, 98.5)
    assert watermark.advance(100.0) == 90.0
    assert watermark.advance(98.5 + SILENT_S) == 99.0
    assert watermark.advance(200.0) == 200.0


def test_after_a_return_everyone_is_waited_for() -> None:
    watermark = started()
    watermark.observe(ONE, 99.0, 100.0)
    watermark.observe(OTHER, 99.0, 100.0)
    watermark.advance(100.0)
    watermark.resume(200.0)
    assert watermark.advance(200.0 + RESUME_S - 0.1) == 99.0
    assert watermark.advance(200.0 + RESUME_S) == 200.0 + RESUME_S


def test_events_from_the_future_do_not_push_it() -> None:
    watermark = started()
    watermark.observe(ONE, 100.0 + FUTURE_S + 1.0, 100.0)
    watermark.observe(OTHER, 100.0, 100.0)
    assert watermark.advance(100.0) <= 100.0


@given(st.lists(st.tuples(st.sampled_from([ONE, OTHER]), st.floats(0, 100), st.floats(0, 100))))
def test_it_never_goes_back(events: list[tuple[tuple[str, int], float, float]]) -> None:
    watermark = started()
    seen = [watermark.value_s]
    for partition, event_s, now_s in events:
        watermark.observe(partition, event_s, now_s)
        seen.append(watermark.advance(now_s))
    assert seen == sorted(seen)
