"""Whatever is wrong with a scenario is said in one line: where, what, and what is accepted."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.errors import BadInput
from simulator.scenario.loading import scenario_from_file

HEAD = "version: 1\nscenario: x\nwhy: because\nduration: 10m\n"

CASES = {
    "unknown key": (
        "trafic: {}",
        ":5: trafic: unknown; did you mean traffic? accepted: version, scenario, why, duration, "
        "starts, settings, playbooks, traffic, users, service, faults, commands, deploys, expect",
    ),
    "unknown key inside": (
        "users: {user: 5}",
        ":5: users.user: unknown; did you mean users? accepted: users, items, ratings, "
        "popularity_exponent, activity_pareto, churn, fatigue, click_model, rank_exponent, ctr, "
        "delay, delay_spread, loss, doubles",
    ),
    "rate without unit": (
        "traffic:\n  rate: 50",
        ":6: traffic.rate: is 50; accepted: a rate above 0, like 50/s, at most 10000/s",
    ),
    "share without unit": (
        "users: {ctr: 0.05}",
        ":5: users.ctr: is 0.05; accepted: 0% to 100%, like 20%",
    ),
    "share per day": (
        "users: {churn: 2%}",
        ":5: users.churn: is '2%'; accepted: a share per day, like 2%/day",
    ),
    "number out of range": (
        "traffic: {day_ratio: 0.5}",
        ":5: traffic.day_ratio: is 0.5; accepted: a number from 1 to 100",
    ),
    "choice": (
        "users: {click_model: random}",
        ":5: users.click_model: is 'random'; accepted: position, cascade",
    ),
    "start": ("starts: 9am", ":5: starts: is '9am'; accepted: a day and a time, like mon 09:00"),
    "arm of the service": (
        "service: {arms: {second: {latency: 5ms}}}",
        ":5: service.arms.second: unknown arm; accepted: primary, fallback",
    ),
    "list where a mapping stands": (
        "service: [a]",
        ":5: service: is ['a']; accepted: a mapping with routers, arms, local, features_every, "
        "train, adopt, detect_dead, inputs",
    ),
    "a fault of a segment there is not": (
        "faults:\n  - errors: {at: 60s, for: 60s, where: {country: br}}",
        ":6: faults[1].errors.where: names 'country'; accepted: platform",
    ),
    "a fault of a value there is not": (
        "faults:\n  - errors: {at: 60s, for: 60s, where: {platform: tv}}",
        ":6: faults[1].errors.where.platform: is 'tv'; accepted: ios, android, web",
    ),
    "a segment without a value": (
        "faults:\n  - errors: {at: 60s, for: 60s, where: platform}",
        ":6: faults[1].errors.where: is 'platform'; accepted: segments and their values, like "
        "{platform: ios}",
    ),
    "a fault on the arm inside the router": (
        "faults:\n  - errors: {at: 60s, for: 60s, arm: fallback, share: 50%}",
        ":6: faults[1].errors.arm: fallback answers inside the router's process, which no fault "
        "reaches; accepted: primary",
    ),
    "mapping where a list stands": (
        "commands: {}",
        ":5: commands: is {}; accepted: a list, like [a, b] with at, verb, target, who",
    ),
    "settings field": (
        "settings:\n  probe_per_sec: 5",
        ":6: settings.probe_per_sec: unknown; did you mean probe_per_s? accepted: version, ",
    ),
    "settings value": (
        "settings: {control_share: 2}",
        ":5: settings.control_share: Input should be less than or equal to 1",
    ),
    "settings without meaning": (
        "settings: {data_dir: x}",
        ":5: settings.data_dir: has no meaning here; a simulation keeps its files where `--log` "
        "says",
    ),
    "settings of what is not simulated": (
        "settings: {hedge: {after_ms: 40}}",
        ":5: settings.hedge: has no meaning here; requests of a simulation wait for the arm drawn "
        "until its deadline",
    ),
    "playbooks folder": (
        "playbooks: nowhere",
        "/nowhere; accepted: shipped, demo, brisk or a folder",
    ),
    "ratings file": ("users: {ratings: no.csv}", "/no.csv; accepted: a ratings file"),
    "unknown fault": (
        "faults:\n  - slow_primry: {at: 1m, for: 1m}",
        ":6: faults[1].slow_primry: unknown; did you mean slow_primary? accepted: slow_primary, ",
    ),
    "unknown parameter": (
        "faults:\n  - slow_primary: {at: 1m, for: 1m, dely: 4ms}",
        ":6: faults[1].slow_primary.dely: unknown; did you mean delay? accepted: at, for, "
        "where, arm, delay",
    ),
    "missing parameter": (
        "faults:\n  - errors: {at: 1m}",
        ":6: faults[1].errors.for: is missing",
    ),
    "fault without parameters": (
        "faults:\n  - nothing:",
        ":6: faults[1]: nothing is empty; accepted: a mapping of its parameters",
    ),
    "two faults in one": (
        "faults:\n  - {nothing: {at: 1m, for: 1m}, errors: {at: 1m, for: 1m}}",
        ":6: faults[1]: has nothing, errors; accepted: one of slow_primary, ",
    ),
    "duration without unit": (
        "faults:\n  - errors: {at: 60, for: 1m}",
        ":6: faults[1].errors.at: is 60; accepted: a duration, like 60s, 10m, 400ms or 2h, at most "
        "31d",
    ),
    "fault beyond the end": (
        "faults:\n  - errors: {at: 9m, for: 1m}",
        ":6: faults[1].errors: is on until 600 s; accepted: over before the run is, after 600 s",
    ),
    "fault of an unknown group": (
        "faults:\n  - stale_features: {at: 1m, for: 1m, group: nope}",
        ":6: faults[1].stale_features.group: is 'nope'; accepted: user_recent, item_hour",
    ),
    "overlapping faults": (
        "faults:\n  - slow_primary: {at: 1m, for: 2m}\n  - slow_tail: {at: 2m, for: 1m}",
        ":7: faults[2].slow_tail: overlaps fault 1 (slow_primary), which has hold of the same: "
        "the delay of primary; accepted: one at a time",
    ),
    "verb": (
        "commands: [{at: 1m, verb: aprove, target: x}]",
        ":5: commands[1].verb: is 'aprove'; accepted: approve, reject, freeze, thaw, override, "
        "release, promote, acknowledge",
    ),
    "deploy beyond the end": (
        "deploys: [{at: 11m, what: x}]",
        ":5: deploys[1].at: is 660 s; accepted: before the end of the run, after 600 s",
    ),
    "unknown playbook": (
        "faults: [{errors: {at: 1m, for: 1m}}]\n"
        "expect: [{acts: {playbook: slow, action: route, within: 9s}}]",
        ":6: expect[1].acts.playbook: there is no playbook 'slow'; accepted: broken-features, ",
    ),
    "action the playbook never takes": (
        "faults: [{errors: {at: 1m, for: 1m}}]\n"
        "expect: [{acts: {playbook: slow-primary, action: retrain, within: 9s}}]",
        ":6: expect[1].acts.action: is 'retrain'; accepted, by what slow-primary does: route, "
        "shed, notify",
    ),
    "no such fault": (
        "faults: [{errors: {at: 1m, for: 1m}}]\n"
        "expect: [{acts: {playbook: slow-primary, action: route, of: 2, within: 9s}}]",
        ":6: expect[1].acts.of: there is no fault 2; accepted: 1 to 1",
    ),
    "recovery beyond the end": (
        "faults: [{errors: {at: 1m, for: 1m}}]\nexpect: [{recovers: {within: 9m}}]",
        ":6: expect[1].recovers.within: ends 660 s after the start; accepted: within the run of "
        "600 s",
    ),
    "unknown expectation": (
        "expect: [{quite: {}}]",
        ":5: expect[1].quite: unknown; did you mean quiet? accepted: acts, explains, recovers, "
        "quiet, serves",
    ),
    "key twice": ("why: again", ":5: 'why' is given twice (first in line 3); accepted: once"),
    "second document": (
        "---\na: b",
        "a second document starts here; accepted: one scenario a file",
    ),
    "not yaml": ("faults: [", "not YAML: "),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_scenarios_get_one_located_line(tmp_path: Path, case: str) -> None:
    text, expected = CASES[case]
    file = tmp_path / "x.yaml"
    file.write_text(f"{HEAD}{text}\n", encoding="utf-8")
    with pytest.raises(BadInput) as refused:
        scenario_from_file(file)
    said = str(refused.value)
    assert said.startswith(f"{file}:")
    assert expected in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "the file is empty; accepted: one scenario"),
        ("- a\n", "accepted: a mapping that starts with `version: 1`"),
        ("version: 1\n", ":1: scenario: is missing"),
        (HEAD.replace("1\n", "2\n", 1), ":1: version: is 2; accepted: 1"),
        (HEAD.replace("10m", "40d"), ":4: duration: is '40d'; accepted: a duration"),
        (HEAD.replace("scenario: x", "scenario: X y"), ":2: scenario: is 'X y'; accepted: lower"),
    ],
)
def test_a_head_that_is_wrong_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput) as refused:
        scenario_from_file(file)
    assert expected in str(refused.value)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(BadInput, match=r"nothere\.yaml: cannot be read: no such file"):
        scenario_from_file(Path("nothere.yaml"))
