"""What is wrong with a test is one line: file, line, field, what is accepted."""

from __future__ import annotations

from typing import Any

import pytest

P95 = "arm_latency_ms.p95{arm=primary}"


def span(inside: str) -> dict[str, str]:
    return {"series": f"{{'{P95}': [{inside}]}}"}


BAD = {
    "a number without its unit": (
        {"series": f"\n  {P95}: 80"},
        f"test.yaml:5: series.{P95}: '80' is not in the unit of its signal; accepted: ms, s or m",
    ),
    "a signal nobody reads": (
        {"series": "\n  queue_depth{arm=primary}: 3"},
        "test.yaml:5: series.queue_depth{arm=primary}: no playbook of the test looks at it",
    ),
    "a window nobody reads": ({"series": f"\n  {P95}[7s]: 80ms"}, "no playbook of the test looks"),
    "an unknown signal": ({"series": "\n  latncy_ms.p95: 80ms"}, "did you mean latency_ms.p95"),
    "more than a signal can show": (span("{value: 2m}"), "accepted: at most 60000ms"),
    "a ramp without an end": (span("{ramp: [1ms, 2ms]}"), "[0].until: is missing"),
    "spans out of order": (
        span("{until: 9s, value: 1ms}, {until: 5s, value: 1ms}"),
        "[1].until: ends no later than the span before it",
    ),
    "two things at once": (span("{value: 1ms, state: stale}"), "a span with value and state"),
    "noise that never settles": (
        span("{value: 9ms, noise: {sd: 1ms, phi: 1, seed: 1}}"),
        "noise.phi: is '1'; accepted: a number from 0 to below 1",
    ),
    "a time without a unit": (
        {"expect": "[{at: 12, phase: opened}]"},
        "expect[0].at: '12' is not a duration",
    ),
    "an unknown phase": ({"expect": "[{at: 1s, phase: open}]"}, "did you mean opened?"),
    "after the end": ({"expect": "[{at: 90s, phase: opened}]"}, "accepted: up to ends_at: 60s"),
    "out of order": (
        {"expect": "[{at: 9s, phase: opened}, {at: 3s, phase: acting}]"},
        "expect[1]: is over before the one above it begins (9s)",
    ),
    "another's playbook": (
        {"expect": "[{at: 9s, phase: opened, playbook: fast}]"},
        "expect[0].playbook: is 'fast'; accepted: slow",
    ),
    "a broken regular expression": (
        {"expect": "[{at: 9s, phase: opened, sentence: /(/}]"},
        "expect[0].sentence: is no regular expression",
    ),
    "a tick that is too long": (
        {"tick": "90s"},
        "tick: is out of range; accepted: 1s to 60s",
    ),
    "a playbook that is not there": (
        {"playbooks": "[fast.yaml]"},
        "test.yaml:3: playbooks: there is no file or folder fast.yaml",
    ),
    "a playbook in place of a test": ({"playbook": "x"}, "this is a playbook, not a test of one"),
    "one name twice": (
        {"test": None, "expect": None, "tests": "[{test: a, expect: []}, {test: a, expect: []}]"},
        "tests[1].test: the test 'a' is there already",
    ),
    "no end": ({"ends_at": None}, "ends_at: is missing; accepted: a moment, like 12s"),
    "an unknown key": ({"sereis": "{}"}, "unknown key 'sereis'; did you mean series?"),
    "a verb without its target": (
        {"operator": "[{at: 3s, verb: freeze}]"},
        "operator[0].target: is missing",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_one_line_with_its_place(name: str, rehearsing: Any) -> None:
    parts, said = BAD[name]
    line = rehearsing.error(**parts)
    assert line.startswith("test.yaml:")
    assert said in line
    assert "\n" not in line


def test_an_error_in_the_playbook_names_the_playbook(rehearsing: Any) -> None:
    playbook = rehearsing.folder / "slow.yaml"
    playbook.write_text(playbook.read_text().replace("no_data: hold", "no_data: guess"))
    assert rehearsing.error().startswith("slow.yaml:6: no_data: is 'guess'")


def test_a_series_that_tests_share_must_serve_one_of_them(rehearsing: Any) -> None:
    tests = "[{test: a, expect: []}]"
    said = rehearsing.error(
        test=None, expect=None, tests=tests, series=f"\n  {P95}: 80ms\n  arm_bad{{arm=x}}: 1%"
    )
    assert "series.arm_bad{arm=x}" in said
