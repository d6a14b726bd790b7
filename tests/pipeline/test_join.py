"""The join is exact: each shown item once, clicked or not, in whatever order things arrive."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.telemetry.rows import batch_from_rows
from controller.telemetry.schema import OUTCOME, SERVED
from serving.pipeline.feature_state import FeatureState
from serving.pipeline.joiner import GRACE_S, Joiner

WINDOW_S = 10.0
START_S = 1_000.0
END_S = START_S + 1_000.0


def feed(
    joiner: Joiner, topic: str, row: dict[str, Any], state: FeatureState | None = None
) -> None:
    batch = batch_from_rows(topic, [row])
    clicks = joiner.add_served(batch) if topic == SERVED else joiner.add_outcomes(batch)
    if state is not None:
        state.add(clicks)


def shown(table: pa.Table) -> list[tuple[bytes, int, str, bool]]:
    columns = ("request_id", "position", "item_id", "clicked")
    return sorted(tuple(row[name] for name in columns) for row in table.to_pylist())


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_duplicates_and_order_change_neither_rows_nor_features(rows: Any, data: Any) -> None:
    numbers = data.draw(st.lists(st.integers(0, 12), min_size=1, max_size=8, unique=True))
    events: list[tuple[str, dict[str, Any]]] = []
    expected: list[tuple[bytes, int, str, bool]] = []
    for number in numbers:
        at_s = START_S + number
        clicked = data.draw(st.sets(st.integers(0, 2)))
        events.append((SERVED, rows.served(number, at_s)))
        events += [(OUTCOME, rows.outcome(number, at_s, [place])) for place in clicked]
        expected += [
            (rows.request_id(number), place, item, place in clicked)
            for place, item in enumerate(rows.items(number))
        ]
    again = data.draw(st.lists(st.sampled_from(events), max_size=10))
    joiner, state = Joiner(WINDOW_S), FeatureState()
    for topic, row in data.draw(st.permutations(events + again)):
        feed(joiner, topic, row, state)
    straight = FeatureState()
    other = Joiner(WINDOW_S)
    for topic, row in events:
        feed(other, topic, row, straight)
    assert shown(joiner.mature(END_S)) == sorted(expected)
    assert len(joiner.mature(END_S)) == 0
    assert joiner.orphans == {}
    assert state.minutes == straight.minutes
    users = set(state.recent) | set(straight.recent)
    assert {u: state.recent_items(u) for u in users} == {u: straight.recent_items(u) for u in users}


def test_a_request_leaves_only_after_window_and_grace(rows: Any) -> None:
    joiner = Joiner(WINDOW_S)
    feed(joiner, SERVED, rows.served(1, START_S))
    feed(joiner, OUTCOME, rows.outcome(1, START_S, [0]))
    assert len(joiner.mature(START_S + WINDOW_S + GRACE_S - 0.1)) == 0
    assert len(joiner.mature(START_S + WINDOW_S + GRACE_S)) == 3


def test_a_click_beyond_the_window_is_counted_and_is_no_click(rows: Any) -> None:
    joiner = Joiner(WINDOW_S)
    feed(joiner, SERVED, rows.served(1, START_S))
    feed(joiner, OUTCOME, rows.outcome(1, START_S, [0], after_s=WINDOW_S))
    feed(joiner, OUTCOME, rows.outcome(1, START_S, [1], after_s=WINDOW_S + 0.5))
    assert joiner.counts["outcome_late"] == 1
    assert joiner.mature(END_S)["clicked"].to_pylist() == [True, False, False]


def test_what_comes_for_a_closed_request_is_counted_and_dropped(rows: Any) -> None:
    joiner = Joiner(WINDOW_S)
    feed(joiner, SERVED, rows.served(1, START_S))
    joiner.mature(END_S)
    feed(joiner, SERVED, rows.served(1, START_S))
    feed(joiner, OUTCOME, rows.outcome(1, START_S, [0]))
    assert joiner.counts["served_late"] == 1
    assert joiner.counts["outcome_late"] == 1
    assert len(joiner.mature(END_S + 100.0)) == 0


def test_an_outcome_without_its_request_is_dropped_after_the_window(rows: Any) -> None:
    joiner = Joiner(WINDOW_S)
    feed(joiner, OUTCOME, rows.outcome(1, START_S, [0]))
    joiner.mature(START_S + WINDOW_S)
    assert len(joiner.orphans) == 1
    joiner.mature(END_S)
    assert joiner.orphans == {}
    assert joiner.counts["outcome_orphan"] == 1


@pytest.mark.parametrize(
    "changes",
    [{"role": "probe"}, {"role": "shadow"}, {"bot": True}, {"slate": None}, {"user_id": None}],
    ids=str,
)
def test_only_slates_shown_to_users_are_learned_from(rows: Any, changes: dict[str, Any]) -> None:
    joiner = Joiner(WINDOW_S)
    feed(joiner, SERVED, rows.served(1, START_S, **changes))
    assert len(joiner.mature(END_S)) == 0


def test_an_unknown_bot_flag_is_no_bot_and_the_arm_is_who_answered(rows: Any) -> None:
    joiner = Joiner(WINDOW_S)
    feed(joiner, SERVED, rows.served(1, START_S, bot=None, served_by="fallback"))
    assert joiner.mature(END_S)["arm"].to_pylist() == ["fallback"] * 3


def test_a_click_on_a_position_not_shown_is_no_click(rows: Any) -> None:
    joiner = Joiner(WINDOW_S)
    feed(joiner, SERVED, rows.served(1, START_S))
    feed(joiner, OUTCOME, rows.outcome(1, START_S, [9]))
    assert joiner.mature(END_S)["clicked"].to_pylist() == [False] * 3
