"""Sets of requests forget exactly what is outside of the times kept."""

from __future__ import annotations

from hypothesis import given
from hypothesis import settings as sized
from hypothesis import strategies as st

from controller.monitors.counting.request_sets import RequestSets

MOVE = st.tuples(
    st.sampled_from(["add", "add", "add", "forget"]),
    st.sampled_from(["primary", "fallback"]),
    st.integers(0, 40),
    st.integers(0, 40),
)


@given(moves=st.lists(MOVE, max_size=40))
@sized(max_examples=60)
def test_what_is_outside_is_forgotten_and_nothing_else(
    moves: list[tuple[str, str, int, int]],
) -> None:
    sets, plain = RequestSets(), set()
    for what, name, one, two in moves:
        if what == "add":
            entry = ((name, bytes([two]) * 16), one)
            assert sets.add([entry[0]], [one]) == ([] if entry in plain else [entry])
            plain.add(entry)
        else:
            first, last = min(one, two), max(one, two)
            sets.forget(first + 0.5, last + 0.5)
            plain = {entry for entry in plain if first <= entry[1] <= last}
        assert set(sets.entries()) == plain
    for key, second in plain:
        assert sets.has(key, second)
