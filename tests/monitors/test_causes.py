"""The segment that changed is named first; nothing is named when nothing changed."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from controller.core.causes import Cause, Event, Verdict
from controller.core.readings import SignalKey
from controller.monitors.causes.explain import explain
from controller.monitors.causes.groups import MOST_GROUPS, Groups
from controller.monitors.causes.segments import STEP_S, SegmentTally
from controller.monitors.counting.batch_view import BatchView
from controller.settings import Settings
from controller.telemetry.rows import batch_from_rows
from controller.telemetry.schema import OUTCOME, SERVED
from tests.monitors.telemetry_rows import attempt, click, served

PRIMARY = (("arm", "primary"),)
LATENCY = SignalKey("arm_latency_ms.p95", PRIMARY, 60.0)
DRIFT = SignalKey("drift.shifted_features", PRIMARY, 300.0)
CTR = SignalKey("ctr", PRIMARY, 300.0)
AGE = SignalKey("feature_age_s.p95", (("feature_group", "user_recent"),), 60.0)
SETTINGS = Settings(
    segments={"platform": ("ios", "android", "web"), "country": ("br", "us", "de")},
    attribution_window_s=120.0,
)
T0 = 1_790_000_040 // STEP_S * STEP_S
MINUTES = 20
PER_MINUTE = 150
END_S = float(T0 + MINUTES * STEP_S - 1)
Row = dict[str, Any]
Fault = Callable[[Row, random.Random], None]


def tally_of(fault: Fault, last_minutes: int = 5, click_share: float = 0.3) -> SegmentTally:
    """Twenty minutes, of which the last are faulty."""
    generator, tally = random.Random(5), SegmentTally(SETTINGS)
    for minute in range(MINUTES):
        rows, clicks = [], []
        for _ in range(PER_MINUTE):
            row = healthy(T0 + (minute + generator.random()) * STEP_S, generator)
            if minute >= MINUTES - last_minutes:
                fault(row, generator)
            chance = click_share * row.pop("click_factor", 1.0)
            rows.append(row)
            if generator.random() < chance:
                where = {name: row[name] for name in ("segment.platform", "segment.country")}
                clicks.append(click(row, 1.0, **where))
        feed(tally, SERVED, rows)
        feed(tally, OUTCOME, clicks)
    return tally


def healthy(at_s: float, generator: random.Random) -> Row:
    inputs = [{"feature": f"f{n}", "value": generator.gauss(0.0, 1.0)} for n in range(4)]
    row = served(at_s + 0.02, request_id=generator.randbytes(16), inputs=inputs)
    row["segment.platform"] = generator.choice(["ios", "android", "web"])
    row["segment.country"] = generator.choice(["br", "us", "de", None, "xx"])
    row["product_feature_id"] = "home" if row["request_id"][0] % 2 else "detail"
    return row


def feed(tally: SegmentTally, topic: str, rows: list[Row]) -> None:
    tally.update(BatchView(topic, 0, batch_from_rows(topic, rows)))


def answer(fault: Fault, key: SignalKey, **more: Any) -> tuple[Verdict, tuple[Cause, ...]]:
    return explain(tally_of(fault, **more), (key,), END_S, ())


def is_ios(row: Row) -> bool:
    return row["segment.platform"] == "ios"


def nothing(row: Row, generator: random.Random) -> None:
    """A healthy service."""


def shift_ios(row: Row, generator: random.Random) -> None:
    if is_ios(row):
        row["inputs"][2]["value"] += 1.0


def shift_ios_in_br(row: Row, generator: random.Random) -> None:
    if is_ios(row) and row["segment.country"] == "br":
        row["inputs"][2]["value"] += 2.0


def shift_all(row: Row, generator: random.Random) -> None:
    row["inputs"][1]["value"] += 1.0


def null_all(row: Row, generator: random.Random) -> None:
    row["inputs"][1]["value"] = None if generator.random() < 0.5 else 0.1


def errors_in_br(row: Row, generator: random.Random) -> None:
    if row["segment.country"] == "br" and generator.random() < 0.4:
        row["outcome"] = "error"


def errors_of_a_new_version(row: Row, generator: random.Random) -> None:
    if row["request_id"][1] % 2:
        row["attempts"] = [attempt("primary") | {"model_version": "v2"}]
        if generator.random() < 0.3:
            row |= {"served_by": "fallback"}
            row["attempts"][0]["result"] = "error"
            row["attempts"].append(attempt("fallback"))


def late_at_home(row: Row, generator: random.Random) -> None:
    if row["product_feature_id"] == "home" and generator.random() < 0.3:
        row["latency_ms"] = 500.0


def errors_everywhere(row: Row, generator: random.Random) -> None:
    if generator.random() < 0.4:
        row["latency_ms"] = 500.0


def unclicked_on_ios(row: Row, generator: random.Random) -> None:
    if is_ios(row):
        row["click_factor"] = 0.3


def old_features(row: Row, generator: random.Random) -> None:
    row["feature_ages"] = [{"group": "user_recent", "age_s": 900.0}]


def defaulted(row: Row, generator: random.Random) -> None:
    if generator.random() < 0.5:
        row["defaulted"] = ["user_recent"]


def test_a_healthy_service_has_no_cause() -> None:
    assert answer(nothing, CTR) == ("unknown", ())


@pytest.mark.parametrize(
    ("fault", "key", "verdict", "what"),
    [
        (shift_ios, DRIFT, "drift", "platform=ios: f2"),
        (shift_ios_in_br, DRIFT, "drift", "country=br & platform=ios: f2"),
        (shift_all, DRIFT, "drift", "f1"),
        (null_all, DRIFT, "broken feature pipeline", "f1"),
        (errors_in_br, LATENCY, "system", "country=br"),
        (errors_of_a_new_version, LATENCY, "system", "model_version=v2"),
        (late_at_home, LATENCY, "system", "product_feature=home"),
        (errors_everywhere, LATENCY, "system", "all requests"),
        (old_features, AGE, "broken feature pipeline", "user_recent"),
        (defaulted, CTR, "broken feature pipeline", "user_recent"),
    ],
)
def test_what_changed_is_named_first(fault: Fault, key: SignalKey, verdict: str, what: str) -> None:
    found, causes = answer(fault, key)
    assert (found, causes[0].what) == (verdict, what)
    assert causes[0].sentence
    assert causes[0].support > 0


def test_clicks_that_fall_in_one_segment_look_like_a_stale_model_there() -> None:
    verdict, causes = answer(unclicked_on_ios, CTR, last_minutes=9)
    assert (verdict, causes[0].what) == ("stale model", "platform=ios")
    assert causes[0].share is not None
    assert causes[0].share > 0.7


def test_events_before_come_last_the_closest_first_and_explain_no_share() -> None:
    events = (
        Event(END_S - 5_000.0, "change", "deploy long ago"),
        Event(END_S - 300.0, "plan", "7/2: shares moved"),
        Event(END_S - 40.0, "change", "deploy model 8"),
    )
    _, causes = explain(tally_of(errors_in_br), (LATENCY,), END_S, events)
    assert [each.what for each in causes[-2:]] == ["deploy model 8", "7/2: shares moved"]
    assert causes[0].what == "country=br"
    assert [each.share for each in causes[-2:]] == [None, None]
    assert "40 s before" in causes[-2].sentence


def test_an_empty_tally_explains_nothing() -> None:
    assert explain(SegmentTally(SETTINGS), (CTR,), END_S, ()) == ("unknown", ())
    assert explain(SegmentTally(SETTINGS), (LATENCY,), END_S, ()) == ("system", ())


def test_a_second_click_of_a_request_counts_no_more_also_after_a_restart() -> None:
    tally = SegmentTally(SETTINGS)
    row = served(T0 + 1.0)
    feed(tally, SERVED, [row])
    feed(tally, OUTCOME, [click(row), click(row, 2.0)])
    again = SegmentTally(SETTINGS)
    again.restore(tally.snapshot())
    feed(again, OUTCOME, [click(row, 3.0)])
    assert again.clicks.window(T0, T0 + 60)[0, 0] == 1


def test_old_steps_are_forgotten_and_clicks_of_them_refused() -> None:
    tally = SegmentTally(SETTINGS)
    row = served(T0 + 1.0)
    feed(tally, SERVED, [row])
    tally.forget(T0 + 5_000.0, T0 + 10_000.0)
    feed(tally, OUTCOME, [click(row)])
    assert tally.requests.times(0.0, 1e12) == []
    assert tally.clicks.times(0.0, 1e12) == []


def test_columns_and_groups_have_limits() -> None:
    many = {f"s{n}": tuple(f"v{m}" for m in range(30)) for n in range(12)}
    groups = Groups.of(Settings(segments=many))
    assert len(groups.columns) == 9
    assert groups.count <= MOST_GROUPS
    codes = np.full((3, 9), 2, np.uint8)
    found = groups.of_codes(codes)
    assert found.min() == 0
    assert found.max() < groups.count


def test_every_group_has_a_name_of_its_own_and_products_know_their_values() -> None:
    groups = Groups.of(SETTINGS)
    names = [groups.name(group) for group in range(groups.count)]
    assert len(set(names)) == groups.count
    for group, parents in enumerate(groups.parents.tolist()):
        if parents[0] >= 0:
            assert {*names[group].split(" & ")} == {names[each] for each in parents}
