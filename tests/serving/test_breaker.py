"""The breaker: opens on what is bad, and only probes close it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from serving.routing.breaker import Breaker, BreakerState


def opened(at_s: float = 0.0, jitter: float = 0.0) -> Breaker:
    breaker = Breaker()
    for _ in range(5):
        breaker.record(at_s, bad=True, late=True, jitter=jitter)
    assert breaker.state(at_s) is BreakerState.OPEN
    return breaker


def test_five_late_in_a_row_open_it_and_four_do_not() -> None:
    breaker = Breaker()
    for i in range(4):
        breaker.record(i * 0.01, bad=True, late=True, jitter=0.0)
    breaker.record(0.05, bad=False, late=False, jitter=0.0)
    for i in range(4):
        breaker.record(0.1 + i * 0.01, bad=True, late=True, jitter=0.0)
    assert breaker.lets_users_through(0.2)
    breaker.record(0.2, bad=True, late=True, jitter=0.0)
    assert not breaker.lets_users_through(0.2)


def test_half_bad_of_twenty_opens_it_and_of_nineteen_does_not() -> None:
    breaker = Breaker()
    for i in range(19):
        breaker.record(0.01 * i, bad=i % 2 == 0, late=False, jitter=0.0)
    assert breaker.lets_users_through(0.2)
    breaker.record(0.2, bad=True, late=False, jitter=0.0)
    assert not breaker.lets_users_through(0.2)


def test_old_attempts_leave_the_window() -> None:
    breaker = Breaker()
    for _ in range(19):
        breaker.record(0.0, bad=True, late=False, jitter=0.0)
    breaker.record(5.0, bad=True, late=False, jitter=0.0)
    assert breaker.lets_users_through(5.0)


def test_only_good_probes_after_the_pause_close_it() -> None:
    breaker = opened()
    breaker.record_probe(0.5, good=True, jitter=0.0)
    assert breaker.state(0.9) is BreakerState.OPEN
    assert breaker.state(1.0) is BreakerState.HALF_OPEN
    assert not breaker.lets_users_through(1.0)
    breaker.record(1.0, bad=False, late=False, jitter=0.0)
    assert not breaker.lets_users_through(1.0)
    for _ in range(3):
        breaker.record_probe(1.1, good=True, jitter=0.0)
    assert breaker.lets_users_through(1.1)


def test_a_bad_probe_starts_the_pause_anew() -> None:
    breaker = opened()
    breaker.record_probe(1.1, good=True, jitter=0.0)
    breaker.record_probe(1.2, good=False, jitter=0.0)
    assert breaker.state(2.1) is BreakerState.OPEN
    assert breaker.last_probe_good is False
    breaker.record_probe(2.3, good=True, jitter=0.0)
    breaker.record_probe(2.3, good=True, jitter=0.0)
    assert breaker.state(2.3) is BreakerState.HALF_OPEN


def test_jitter_stretches_the_pause() -> None:
    assert opened(jitter=0.9).state(1.5) is BreakerState.OPEN
    assert opened(jitter=0.0).state(1.5) is BreakerState.HALF_OPEN


@hypothesis_settings(max_examples=60)
@given(st.lists(st.tuples(st.floats(0.0, 0.3), st.booleans(), st.booleans()), max_size=80))
def test_while_it_lets_users_through_no_five_late_followed_each_other(
    steps: list[tuple[float, bool, bool]],
) -> None:
    breaker, now_s, in_a_row = Breaker(), 0.0, 0
    for gap_s, bad, late in steps:
        now_s += gap_s
        breaker.record(now_s, bad=bad or late, late=late, jitter=0.0)
        in_a_row = in_a_row + 1 if late else 0
        if in_a_row >= 5:
            assert not breaker.lets_users_through(now_s)
            return
