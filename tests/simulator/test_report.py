"""A report from evidence made by hand, with known answers."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

import pytest
from rich.console import Console

from simulator.report.evidence import Evidence
from simulator.report.exchanges import Exchange, Exchanges
from simulator.report.report import report_on, report_to_document
from simulator.report.series import Series, SignalRecorder
from simulator.report.tables import rendered
from simulator.report.truth import GroundTruth

START_S = 1_000.0
ROUTED = {"moves": ["routes 100 % of primary to fallback"]}
SIGNAL = "arm_latency_ms.p95{arm=primary}"


def _exchange(number: int, at_s: float, **more: Any) -> Exchange:
    fields = {"sent": True, "latency_ms": 20.0, "served_by": "primary", "arm": "primary"}
    return Exchange(number, START_S + at_s, **{**fields, **more})


def _story() -> list[Exchange]:
    """10 a second for 90 s: slow from 30 s; charged to the primary until 35 s, then rerouted."""
    exchanges = []
    for number in range(900):
        at_s = number / 10
        if 30 <= at_s < 35:
            more = {"latency_ms": 120.0, "served_by": "fallback", "degraded": True}
        elif 35 <= at_s < 65:
            more = {"served_by": "fallback", "arm": "fallback"}
        else:
            more = {"clicks": number % 2}
        exchanges.append(_exchange(number, at_s, **more))
    return exchanges


def _record(at_s: float, phase: str, **more: Any) -> dict[str, Any]:
    return {
        "id": f"1-{at_s:g}",
        "at_s": START_S + at_s,
        "phase": phase,
        "sentence": f"{phase} at {at_s:g}",
        "incident": "i1",
        "playbook": "slow",
        "enforced": True,
        "conditions": [],
        **more,
    }


def _records(*, recovered: bool = True) -> list[dict[str, Any]]:
    held = [{"met": "met", "held_s": 2.5}, {"met": "not met", "held_s": 50.0}]
    records = [
        _record(-50, "opened", incident="old"),
        _record(-40, "recovered", incident="old"),
        _record(34, "opened", conditions=held),
        _record(34.5, "acting", details=ROUTED),
        _record(36, "verifying"),
        _record(55, "returning"),
    ]
    return records + ([_record(65, "recovered")] if recovered else [])


def _signals() -> Mapping[str, Series]:
    recorder = SignalRecorder()
    for at_s in range(1, 90):
        recorder.add(f"{SIGNAL}[10s]", START_S + at_s, 7.0, "ok")
        slow = 32 <= at_s < 50
        state = "ok" if at_s != 31 else "insufficient"
        recorder.add(f"{SIGNAL}[5s]", START_S + at_s, 500.0 if slow else 25.0, state)
    return recorder.signals()


TRUTH = GroundTruth(
    "slow_primary", START_S + 30, START_S + 60, "it waits", ("route",), must_act=True
)


def _evidence(**more: Any) -> Evidence:
    fields: dict[str, Any] = {
        "command": "selfright simulate --live",
        "started_at_s": START_S,
        "ended_at_s": START_S + 90,
        "exchanges": Exchanges.of(_story()),
        "truths": [TRUTH],
        "records": _records(),
        "signals": _signals(),
    }
    return Evidence(**{**fields, **more})


def test_phases_are_before_during_until_recovered_and_after() -> None:
    before, during, after = report_on(_evidence()).phases
    assert [p.name for p in (before, during, after)] == ["before", "during", "after"]
    assert (during.from_s - START_S, during.to_s - START_S) == (30, 65)
    assert (before.requests, during.requests, after.requests) == (300, 350, 250)
    assert (before.availability, during.availability, after.availability) == (1.0, 1.0, 1.0)
    assert (before.fallback_share, during.fallback_share, after.fallback_share) == (0, 1, 0)
    assert (before.ctr, during.ctr, after.ctr) == (0.5, 0.0, 0.5)
    assert (before.users_p95_ms, during.users_p95_ms, after.users_p95_ms) == (20, 120, 20)


def test_the_primarys_p95_is_the_monitors_at_its_shortest_window() -> None:
    before, during, after = report_on(_evidence()).phases
    assert (before.primary_p95_ms, before.primary_p95_max_ms) == (25, 25)
    assert (during.primary_p95_ms, during.primary_p95_max_ms) == (500, 500)
    assert (after.primary_p95_ms, after.primary_p95_max_ms) == (25, 25)


def test_times_count_from_the_fault() -> None:
    [healing] = report_on(_evidence()).healings
    assert healing.breach_s == pytest.approx(1.5)
    assert healing.published_s == pytest.approx(4.5)
    assert healing.bad_gone_s == pytest.approx(5.02)  # asked at 4.9 s, answered 120 ms later
    assert healing.recovered_s == pytest.approx(35.0)
    assert (healing.healed, healing.why) == (True, "incident i1 recovered")


def test_a_breach_is_never_dated_before_the_fault() -> None:
    records = _records()
    records[2]["conditions"] = [{"met": "met", "held_s": 100.0}]
    [healing] = report_on(_evidence(records=records)).healings
    assert healing.breach_s == 0.0


def test_decisions_of_this_run_are_told_and_older_ones_are_not() -> None:
    decisions = report_on(_evidence()).decisions
    assert [d.phase for d in decisions] == [
        "opened",
        "acting",
        "verifying",
        "returning",
        "recovered",
    ]
    assert decisions[0].offset_s == 34


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"records": _records(recovered=False)}, "incident i1 ended the run returning"),
        ({"records": []}, "no incident was opened, so no right action (route)"),
        (
            {"truths": [GroundTruth("x", START_S + 30, None, "c", (), must_act=False)]},
            "the fault was still on at the end of the run",
        ),
    ],
)
def test_what_is_not_over_is_not_healed(more: dict[str, Any], why: str) -> None:
    report = report_on(_evidence(**more))
    assert [h.why for h in report.healings] == [why]
    assert not report.healed
    assert not report.passed


def test_a_fault_that_calls_for_nothing_is_healed_without_an_incident() -> None:
    truth = GroundTruth("nothing", START_S + 30, START_S + 60, "c", (), must_act=False)
    report = report_on(_evidence(truths=[truth], records=[]))
    assert report.healed
    assert report.passed


def test_availability_counts_what_was_not_valid_and_what_was_not_sent() -> None:
    exchanges = _story()
    exchanges[5] = Exchange(5, exchanges[5].intended_at_s, sent=False)
    exchanges[6] = _exchange(6, 0.6, problem="status 503")
    report = report_on(_evidence(exchanges=Exchanges.of(exchanges)))
    assert report.availability == pytest.approx(898 / 900)
    assert report.not_sent == 1
    assert report.problems == {"status 503": 1}
    assert report.healed
    assert not report.passed, "99.78 % is below 99.9 %"


def test_without_a_fault_there_is_one_phase_and_nothing_to_heal() -> None:
    report = report_on(_evidence(truths=[], records=[]))
    assert [p.name for p in report.phases] == ["whole run"]
    assert report.healings == ()
    assert report.passed


def test_nothing_measured_is_none_and_not_a_pass() -> None:
    report = report_on(_evidence(exchanges=Exchanges.of([]), truths=[], records=[], signals={}))
    [phase] = report.phases
    assert (phase.availability, phase.users_p95_ms, phase.ctr) == (None, None, None)
    assert phase.primary_p95_ms is None
    assert not report.passed


def test_the_table_tells_the_story_on_a_narrow_terminal() -> None:
    console = Console(file=io.StringIO(), width=100)
    console.print(rendered(report_on(_evidence())))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    for part in (
        "before (30 s)",
        "during (35 s)",
        "after (25 s)",
        "100.000%",
        "120 ms",
        "500 ms / 500 ms",
        "slow_primary",
        "recovered at 65",
        "healed; 100.000% of 900 requests got a valid slate",
    ):
        assert part in text
    assert max(len(line) for line in text.splitlines()) <= 100


def test_attempts_cut_at_their_deadline_do_not_read_like_a_minute_of_waiting() -> None:
    recorder = SignalRecorder()
    for at_s in range(1, 90):
        cut = 32 <= at_s < 50
        recorder.add(f"{SIGNAL}[5s]", START_S + at_s, 60_000.0 if cut else 25.0, "ok")
    console = Console(file=io.StringIO(), width=100)
    console.print(rendered(report_on(_evidence(signals=recorder.signals()))))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "> deadline / > deadline" in text
    assert "60,000" not in text


def test_the_json_form_is_plain_and_complete() -> None:
    document = json.loads(json.dumps(report_to_document(report_on(_evidence()))))
    assert document["passed"] is True
    assert [phase["name"] for phase in document["phases"]] == ["before", "during", "after"]
    assert document["healings"][0]["fault"] == "slow_primary"
    assert document["command"] == "selfright simulate --live"
