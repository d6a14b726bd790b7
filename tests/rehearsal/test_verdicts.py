"""A test passes when everything happens in its order and nothing else does; else it says why."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import controller.core
from controller.core.explaining import EXPLAINED
from controller.core.phases import Phase
from controller.rehearsal.model import PHASES

CORE = Path(controller.core.__file__).parent

QUIET = "\n  arm_latency_ms.p95{arm=primary}: 80ms\n  degraded_share: 0%"


def test_it_passes_when_all_that_is_expected_happens_in_order(rehearsing: Any) -> None:
    assert rehearsing.verdict().difference == ""


def test_nothing_expected_and_nothing_happening_is_a_pass(rehearsing: Any) -> None:
    assert rehearsing.verdict(series=QUIET, expect="[]").passed


def test_the_first_difference_is_marked_with_the_conditions_of_that_tick(rehearsing: Any) -> None:
    expect = "[{at: 11s, phase: opened}, {at: 12s, phase: acting}]"
    verdict = rehearsing.verdict(expect=expect)
    assert verdict.why == (
        "expected opened at 11s, but came opened of slow-1-2 at 12s: it is at 12s, not at 11s"
    )
    marked = [line for line in verdict.difference.splitlines() if line.startswith(">")]
    assert len(marked) == 1
    assert re.match(r"> at 11s opened {8,}12s opened: slow opens: ", marked[0])
    _, conditions = verdict.difference.split("conditions at 11s, before the judge decided:\n")
    assert re.search(r"slow when +not met +\+100 ms +250 ms +held 1 s of 2 s", conditions)


def test_what_never_comes_is_said_with_the_nearest_that_came(rehearsing: Any) -> None:
    expect = "[{by: 20s, phase: acting, plan: {route: {primary: 50%}}}]"
    verdict = rehearsing.verdict(expect=expect, others="allowed")
    assert verdict.why == (
        "acting by 20s never came; the nearest is acting of slow-1-2 at 12s: "
        "primary has 0 % of the traffic, not 50 %"
    )


def test_what_nobody_expects_fails_the_test_unless_others_are_allowed(rehearsing: Any) -> None:
    expect = "[{at: 38s, phase: recovered}]"
    assert "came opened of slow-1-2 at 12s" in rehearsing.verdict(expect=expect).why
    assert rehearsing.verdict(expect=expect, others="allowed").passed


def test_what_must_never_come_fails_the_test_where_others_are_allowed(rehearsing: Any) -> None:
    parts = {"expect": "[]", "others": "allowed"}
    said = rehearsing.verdict(never="[{phase: returning, by: 40s}]", **parts).why
    assert said == "returning of slow-1-2 at 33s must never come"
    assert rehearsing.verdict(never="[{phase: escalated}]", **parts).passed
    assert rehearsing.verdict(never="[{phase: returning, by: 30s}]", **parts).passed


def test_an_undo_takes_the_route_back_when_the_fault_is_over(rehearsing: Any) -> None:
    playbook = rehearsing.folder / "slow.yaml"
    playbook.write_text(playbook.read_text().replace("else: next", "else: undo"))
    verdict = rehearsing.verdict(
        series="\n  degraded_share: 40%\n  arm_latency_ms.p95{arm=primary}:"
        "\n    [{until: 10s, value: 80ms}, {until: 20s, value: 250ms}, {value: 80ms}]",
        expect="""
  - {at: 12s, phase: opened}
  - {at: 12s, phase: acting, plan: {route: {primary: 0%}}}
  - {at: 13s, phase: verifying}
  - {at: 24s, phase: failed, sentence: undone}
  - {at: 24s, phase: returning, plan: {route: {primary: 100%}}}
  - {at: 29s, phase: recovered}""",
    )
    assert verdict.difference == ""


def test_more_than_expected_at_the_end_fails_too(rehearsing: Any) -> None:
    verdict = rehearsing.verdict(expect="[{at: 12s, phase: opened}, {at: 12s, phase: acting}]")
    assert verdict.why.endswith("at 13s was not expected: nothing more should happen")


def test_a_signal_without_a_series_is_unknown_or_what_otherwise_says(rehearsing: Any) -> None:
    only = "\n  arm_latency_ms.p95{arm=primary}: [{until: 10s, value: 80ms}, {value: 250ms}]"
    parts = {"series": only, "others": "allowed", "ends_at": "40s"}
    unknown = "[{at: 24s, phase: failed, sentence: not seen within 10 s}]"
    assert rehearsing.verdict(expect=unknown, **parts).passed
    quiet = "[{by: 20s, phase: holding, outcome: unproven}]"
    assert rehearsing.verdict(expect=quiet, otherwise="quiet", **parts).passed


def test_quiet_is_a_number_at_which_nothing_starts(rehearsing: Any) -> None:
    assert rehearsing.verdict(series=None, otherwise="quiet", expect="[]").passed


def test_workers_answer_and_people_approve(rehearsing: Any) -> None:
    verdict = rehearsing.verdict(
        series="\n  arm_latency_ms.p95{arm=primary}: [{until: 10s, value: 80ms}, {value: 250ms}]"
        "\n  degraded_share: 40%",
        work="[{kind: retrain, after: 5s, version: als-9}]",
        operator="[{at: 40s, verb: approve, who: ada}]",
        expect="""
  - {at: 24s, phase: acting, plan: {wanted: [retrain]}}
  - {at: 29s, phase: work, sentence: version als-9, page: asks to promote als-9}
  - {at: 40s, phase: promoted}
  - {at: 40s, phase: operator, sentence: "ada: approve"}""",
        others="allowed",
    )
    assert verdict.difference == ""


def test_the_same_test_has_the_same_timeline(rehearsing: Any) -> None:
    noise = "{noise: {mean: 150ms, sd: 30ms, phi: 0.6, seed: 5}}"
    parts = {"series": f"\n  arm_latency_ms.p95{{arm=primary}}: [{noise}]", "others": "allowed"}
    first = rehearsing.verdict(expect="[]", **parts)
    assert first.timeline == rehearsing.verdict(expect="[]", **parts).timeline
    assert " opened " in first.timeline


def test_phases_are_those_the_core_has() -> None:
    texts = [path.read_text(encoding="utf-8") for path in CORE.glob("*.py")]
    said = {found for text in texts for found in re.findall(r'\.record\(\s*"(\w+)"', text)}
    assert said | set(Phase) | {EXPLAINED} <= set(PHASES)
