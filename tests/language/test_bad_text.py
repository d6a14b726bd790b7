"""Bad texts and the exact line each one gets. Messages stand as they are read, however long."""

# ruff: noqa: E501

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.errors import BadInput
from controller.language.findings import RULES, Problem
from controller.language.loading import check, load_playbooks, playbook_from_text
from controller.language.yaml_text import read_yaml

GOOD = """\
version: 1
playbook: slow
owner: oncall
why: It is slow.
when: arm_bad{arm=primary} > 20% for 3s
no_data: hold
do: [{route: {from: primary, to: fallback, share: 100%}}]
clear_when: arm_bad{arm=primary}[30s] < 2% for 60s
"""
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefg", "bcdefgh", strict=True)
)

PARTS: dict[str, tuple[dict[str, str | None], str]] = {
    "a tag": ({"owner": "!foo x"}, "3: the tag !foo is not read; accepted: plain values"),
    "a python tag": (
        {"owner": "!!python/object:os.system x"},
        "3: the tag !!python/object:os.system is not read; accepted: plain values",
    ),
    "undefined alias": (
        {"owner": "*nobody"},
        "3: not YAML: found undefined alias 'nobody'; accepted: YAML 1.2",
    ),
    "unquoted flow": (
        {"when": "{all: [arm_bad{arm=primary} > 20%, latency_ms.p95 > 100ms]}"},
        '5: a condition in flow style is not quoted; quote conditions inside [ ] or { }: ["latency_ms.p95 > 200ms for 2s"]',
    ),
    "unquoted flow comma": (
        {"when": "{all: [lift(ctr, primary, fallback).upper < -5%]}"},
        "5: when.all[0]: 'lift(ctr' is not a whole condition; quote conditions inside [ ] or { }: [\"latency_ms.p95 > 200ms for 2s\"]",
    ),
    "unquoted if": (
        {"when": "{if: arm_bad{arm=primary} > 20%, for: 3s}"},
        '5: a condition in flow style is not quoted; quote conditions inside [ ] or { }: ["latency_ms.p95 > 200ms for 2s"]',
    ),
    "colon in why": (
        {"why": "slow: very"},
        "4: not YAML: mapping values are not allowed here; quote text that holds ': '",
    ),
    "a control character": (
        {"why": "a\x07b"},
        "4: the character #x0007 stands in the text; accepted: printable text",
    ),
    "a for beyond all bounds": (
        {"when": "arm_bad{arm=primary} > 20% for 400d"},
        "5: when: the time is too long after 'arm_bad{arm=primary} > 20% for'; accepted: at most 30d",
    ),
    "a for that is no number any more": (
        {"when": "arm_bad{arm=primary} > 20% for " + "9" * 400 + "d"},
        "5: when: the number is too large after 'arm_bad{arm=primary} > 20% for'; accepted: at most 1e+15",
    ),
    "an endless threshold": (
        {"when": "request_rate_per_s > " + "9" * 400 + "/s"},
        "5: when: the number is too large after 'request_rate_per_s >'; accepted: at most 1e+15",
    ),
    "an endless window": (
        {"when": "latency_ms.p95[" + "9" * 400 + "d] > 1s"},
        "5: when: the number is too large after 'latency_ms.p95['; accepted: at most 1e+15",
    ),
    "a for beside a condition": (
        {"when": '{if: "arm_bad{arm=primary} > 20%", for: 99999d}'},
        "5: when.for: is too long; accepted: at most 30d",
    ),
    "a long wait for an expectation": (
        {
            "do": '[{shed: {share: 20%}, expect: "arm_bad{arm=primary} < 5% within 31d", else: next}]'
        },
        "7: do[0].expect: the time is too long after 'arm_bad{arm=primary} < 5% within'; accepted: at most 30d",
    ),
    "a slate cached for ever": (
        {"do": "[{cache_ttl: {ttl: 999999d}}]"},
        "7: do[0].cache_ttl.ttl: is too long; accepted: at most 1d",
    ),
    "data of all times": (
        {"do": "[{retrain: {arm: primary, data: last 99999d}}]"},
        "7: do[0].retrain.data: 'last 99999d' reaches too far back; accepted: at most last 3650d",
    ),
    "a route that never expires": (
        {"do": "[{route: {from: primary, to: fallback, share: 100%, expires: 31d}}]"},
        "7: do[0].route.expires: is too long; accepted: at most 30d",
    ),
    "a freeze for a year": (
        {"do": "[{freeze: {what: promotions, for: 365d}}]"},
        "7: do[0].freeze.for: is too long; accepted: at most 30d",
    ),
    "a cooldown of ages": (
        {"guards": "{cooldown: 9999999d}"},
        "9: guards.cooldown: is too long; accepted: at most 30d",
    ),
    "an escaped control character": (
        {"owner": '"evil\\x1b[31m"'},
        "3: the character #x001b stands in the text; accepted: printable text",
    ),
    "text turned around": (
        {"owner": '"\\u202eevil"'},
        "3: the character #x202e stands in the text; accepted: printable text",
    ),
    "text turned around as it is": (
        {"why": "a \u2066b\u2069"},
        "4: the character #x2066 stands in the text; accepted: printable text",
    ),
    "a comment turned around": (
        {"why": "slow # \u202e not really"},
        "4: the character #x202e stands in the text; accepted: printable text",
    ),
    "a control character of the second set": (
        {"do": '[{notify: {channel: oncall, message: "a\\x9b31m"}}]'},
        "7: the character #x009b stands in the text; accepted: printable text",
    ),
    "a key with a control character": (
        {'"ow\\x7fner"': "x"},
        "9: the character #x007f stands in the text; accepted: printable text",
    ),
    "unknown key": (
        {"ownr": "x"},
        "9: ownr: unknown key 'ownr'; did you mean owner? accepted: version, playbook, owner, why, for_each, when, no_data, do, otherwise, clear_when, guards",
    ),
    "version 2": (
        {"version": "2"},
        "1: version: is '2', which this release does not read; accepted: 1",
    ),
    "no version": ({"version": None}, "1: version: is missing; accepted: 1"),
    "missing owner": ({"owner": None}, "1: owner: is missing; accepted: who is asked about it"),
    "empty why": ({"why": "''"}, "4: why: is empty; accepted: text"),
    "null why": ({"why": ""}, "4: why: is empty; accepted: text"),
    "boolean owner": (
        {"owner": "true"},
        '3: owner: true is a YAML boolean; accepted: text; quote it ("true")',
    ),
    "list owner": ({"owner": "[a]"}, "3: owner: is a list; accepted: text"),
    "bad name": (
        {"playbook": "Slow Primary"},
        "2: playbook: is 'Slow Primary'; accepted: a name, like slow-primary",
    ),
    "missing no_data": ({"no_data": None}, "1: no_data: is missing; accepted: hold, act, escalate"),
    "bad no_data": (
        {"no_data": "ignore"},
        "6: no_data: is 'ignore'; accepted: hold, act, escalate",
    ),
    "bad for_each": (
        {"for_each": "topic"},
        "9: for_each: is 'topic'; accepted: arm, feature_group",
    ),
    "when list": (
        {"when": "[latency_ms.p95 > 100ms]"},
        "5: when: is a list; accepted: `all:` or `any:` above the list",
    ),
    "when two branches": (
        {"when": "{all: [latency_ms.p95 > 100ms], any: [latency_ms.p95 > 100ms]}"},
        "5: when: a mapping with all, any; accepted: one of all, any, not; or if, for, no_data",
    ),
    "all not list": (
        {"when": "{all: latency_ms.p95 > 100ms}"},
        "5: when.all: is 'latency_ms.p95 > 100ms'; accepted: a list, like [\"latency_ms.p95 > 150ms for 5s\"]",
    ),
    "all empty": ({"when": "{all: []}"}, "5: when.all: a list of 0; accepted: 1 to 32"),
    "syntax": (
        {"when": "latency_ms.p95 >> 100ms"},
        "5: when: '>' does not fit after 'latency_ms.p95 >'; accepted: a number",
    ),
    "unknown signal": (
        {"when": "latency_ms.p96 > 100ms"},
        "5: when: unknown signal 'latency_ms.p96'; did you mean latency_ms.p95 or latency_ms.p50 or arm_latency_ms.p95? accepted: the names of `selfright signals`",
    ),
    "unknown signal far": (
        {"when": "foo > 100ms"},
        "5: when: unknown signal 'foo'; accepted: the names of `selfright signals`",
    ),
    "function without reading": (
        {"when": "change(latency_ms.p95)"},
        "5: when: unknown signal 'change(latency_ms.p95)'; no monitor gives change of latency_ms.p95; see `selfright signals`",
    ),
    "missing label": (
        {"when": "arm_bad > 5%"},
        "5: when: arm_bad needs the label 'arm'; accepted: {arm=primary}, {arm=fallback}, {arm=challenger}",
    ),
    "wrong label": (
        {"when": "arm_bad{feature_group=item_hour} > 5%"},
        "5: when: arm_bad has no label 'feature_group'; accepted: arm",
    ),
    "label twice": (
        {"when": "arm_bad{arm=primary, arm=fallback} > 5%"},
        "5: when: the label 'arm' is given twice; accepted: once",
    ),
    "unknown arm": (
        {"when": "arm_bad{arm=primry} > 5%"},
        "5: when: unknown arm 'primry'; did you mean primary? accepted: primary, fallback, challenger",
    ),
    "unknown group": (
        {"when": "feature_age_s.p95{feature_group=items} > 5m"},
        "5: when: unknown feature_group 'items'; accepted: user_recent, item_hour",
    ),
    "unknown topic": (
        {"when": "source.silent_s{topic=clicks} > 5m"},
        "5: when: unknown topic 'clicks'; accepted: served, outcome, replica, feature, model, work, operator, change",
    ),
    "unbound": (
        {"when": "arm_bad{arm=$arm} > 5%"},
        "5: when: nothing binds arm=$arm; add `for_each: arm` or a value",
    ),
    "bound other": (
        {"for_each": "feature_group", "when": "arm_bad{arm=$arm} > 5%"},
        "5: when: nothing binds arm=$arm; accepted: feature_group=$feature_group",
    ),
    "unit ms with %": (
        {"when": "latency_ms.p95 > 5%"},
        "5: when: latency_ms.p95 is not compared with 5%; accepted: ms, s or m, like 200ms",
    ),
    "unit ms bare": (
        {"when": "latency_ms.p95 > 150"},
        "5: when: latency_ms.p95 is not compared with 150; accepted: ms, s or m, like 200ms",
    ),
    "unit share bare": (
        {"when": "arm_bad{arm=primary} > 0.2"},
        "5: when: arm_bad is not compared with 0.2; accepted: %, like 5%",
    ),
    "seconds without unit": (
        {"when": "feature_age_s.p95{feature_group=item_hour} > 5"},
        "5: when: feature_age_s.p95 is not compared with 5; accepted: ms, s, m, h or d, like 30s",
    ),
    "unit count ms": (
        {"when": "queue_depth{arm=primary} > 5ms"},
        "5: when: queue_depth is not compared with 5ms; accepted: a bare number or count, like 3",
    ),
    "unit per_s": (
        {"when": "request_rate_per_s > 5"},
        "5: when: request_rate_per_s is not compared with 5; accepted: /s, like 10/s",
    ),
    "unit value": (
        {"when": "slo.burn_rate{slo=latency} > 14%"},
        "5: when: slo.burn_rate is not compared with 14%; accepted: a bare number, like 0.2",
    ),
    "unit unknown": (
        {"when": "latency_ms.p95 > 5 furlongs"},
        "5: when: latency_ms.p95 is not compared with 5furlongs; accepted: ms, s or m, like 200ms",
    ),
    "gauge window": (
        {"when": "queue_depth{arm=primary}[5s] > 5"},
        "5: when: queue_depth is a gauge without a window; accepted: queue_depth without [5s]",
    ),
    "half window": (
        {"when": "latency_ms.p95[500ms] > 100ms"},
        "5: when: the window [500ms] is not whole ticks; accepted: whole seconds",
    ),
    "long window": (
        {"when": "latency_ms.p95[2h] > 100ms"},
        "5: when: the window [2h] is longer than anything kept; accepted: at most 1h",
    ),
    "for twice": (
        {"when": "{if: latency_ms.p95 > 100ms for 3s, for: 2s}"},
        "5: when.for: `for` or `times` is given twice; accepted: in the condition or beside it",
    ),
    "ticks beside a duration": (
        {"when": "{if: latency_ms.p95 > 100ms for 3s, for: 2 ticks}"},
        "5: when.for: `for` or `times` is given twice; accepted: in the condition or beside it",
    ),
    "one tick": (
        {"when": "{if: latency_ms.p95 > 100ms, for: 1 ticks}"},
        "5: when.for: 1 ticks cannot be counted; accepted: 2 to 3600",
    ),
    "expect with times": (
        {
            "do": "[{shed: {share: 20%}, expect: degraded_share < 1% 2 times within 9s within 30s, else: next}]"
        },
        "7: do[0].expect: an expectation passes at the first reading that meets it; accepted: the condition without `for` or `times`",
    ),
    "lift arms": (
        {"when": "lift(ctr, primary, other).upper < -5%"},
        "5: when: unknown arm 'other'; accepted: primary, fallback, challenger",
    ),
    "lift args": (
        {"when": "lift(ctr, primary).upper < -5%"},
        "5: when: lift is not called like this; accepted: lift(SIGNAL, ARM, ARM).upper or .lower",
    ),
    "lift part": (
        {"when": "lift(ctr, primary, fallback) < -5%"},
        "5: when: lift is not called like this; accepted: lift(SIGNAL, ARM, ARM).upper or .lower",
    ),
    "anomaly compare": (
        {"when": "anomaly(arm_latency_ms.p95{arm=primary}) > 3"},
        "5: when: anomaly is not compared like this; accepted: anomaly(SIGNAL) rarer than 1 per 30d",
    ),
    "do mapping": (
        {"do": "{shed: {share: 20%}}"},
        "7: do: is a mapping; accepted: a list, like `- shed: {share: 20%}`",
    ),
    "move text": (
        {"do": "[shed]"},
        "7: do[0]: is 'shed'; accepted: a mapping with route, retrain, evaluate, promote, revert, prewarm_cache, cache_ttl, scale, shed, freeze, notify, webhook, expect, else",
    ),
    "no action": (
        {"do": "[{expect: degraded_share < 1% within 30s, else: next}]"},
        "7: do[0]: a move with 0 actions; accepted: one action",
    ),
    "two actions": (
        {"do": "[{shed: {share: 20%}, notify: {channel: a}}]"},
        "7: do[0]: a move with 2 actions; accepted: one action",
    ),
    "unknown action": (
        {"do": "[{reroute: {}}]"},
        "7: do[0].reroute: unknown key 'reroute'; did you mean route? accepted: route, retrain, evaluate, promote, revert, prewarm_cache, cache_ttl, scale, shed, freeze, notify, webhook, expect, else",
    ),
    "expect without else": (
        {"do": "[{shed: {share: 20%}, expect: degraded_share < 1% within 30s}]"},
        "7: do[0].else: is missing; accepted: next, undo, keep",
    ),
    "else without expect": (
        {"do": "[{shed: {share: 20%}, else: next}]"},
        "7: do[0]: `else` without `expect`: nothing says when it applies; accepted: expect: CONDITION within DURATION",
    ),
    "expect without within": (
        {"do": "[{shed: {share: 20%}, expect: degraded_share < 1%, else: next}]"},
        "7: do[0].expect: the end does not fit after 'degraded_share < 1%'; accepted: for DURATION or N times within DURATION or within DURATION",
    ),
    "expect with for": (
        {"do": "[{shed: {share: 20%}, expect: degraded_share < 1% for 3s within 30s, else: next}]"},
        "7: do[0].expect: an expectation passes at the first reading that meets it; accepted: the condition without `for` or `times`",
    ),
    "route missing to": (
        {"do": "[{route: {from: primary, share: 100%}}]"},
        "7: do[0].route.to: is missing; accepted: the name of an arm",
    ),
    "route unknown key": (
        {"do": "[{route: {from: primary, to: fallback, share: 100%, retrun: [100%]}}]"},
        "7: do[0].route.retrun: unknown key 'retrun'; did you mean return? accepted: from, to, share, return, where, expires",
    ),
    "share bare": (
        {"do": "[{route: {from: primary, to: fallback, share: 0.5}}]"},
        "7: do[0].route.share: '0.5' is not a share; accepted: 0% to 100%, like 20%",
    ),
    "share over": (
        {"do": "[{route: {from: primary, to: fallback, share: 120%}}]"},
        "7: do[0].route.share: '120%' is not a share; accepted: 0% to 100%, like 20%",
    ),
    "share zero": (
        {"do": "[{route: {from: primary, to: fallback, share: 0%}}]"},
        "7: do[0].route.share: is 0%, which moves nothing; accepted: above 0%",
    ),
    "stages": (
        {"do": "[{route: {from: primary, to: fallback, share: 100%, return: [50%, 10%]}}]"},
        "7: do[0].route.return: the stages do not rise to 100%; accepted: rising shares that end with 100%, like [10%, 50%, 100%]",
    ),
    "stages every": (
        {
            "do": "[{route: {from: primary, to: fallback, share: 100%, return: {stages: [100%], every: 100ms}}}]"
        },
        "7: do[0].route.return.stages: stages of 100ms are shorter than a tick; accepted: at least 1s",
    ),
    "retrain data": (
        {"do": "[{retrain: {arm: primary, data: 24h}}]"},
        "7: do[0].retrain.data: '24h' is not a span of data; accepted: last DURATION, like last 24h",
    ),
    "promote both": (
        {"do": "[{promote: {arm: primary, into: fallback}}]"},
        "7: do[0].promote: `arm` stands beside `version` or `into`; accepted: {version, into} or {arm}",
    ),
    "promote missing": (
        {"do": "[{promote: {version: v1}}]"},
        "7: do[0].promote.into: is missing; accepted: the name of an arm, or $arm",
    ),
    "revert missing": (
        {"do": "[{revert: {}}]"},
        "7: do[0].revert.arm: is missing; accepted: the name of an arm, or $arm",
    ),
    "scale missing": (
        {"do": "[{scale: {arm: primary}}]"},
        "7: do[0].scale.replicas: is missing; accepted: a whole number from 1 to 64",
    ),
    "scale zero": (
        {"do": "[{scale: {arm: primary, replicas: 0}}]"},
        "7: do[0].scale.replicas: is '0'; accepted: a whole number from 1 to 64",
    ),
    "webhook url": (
        {"do": "[{webhook: {url: 'ftp://x'}}]"},
        "7: do[0].webhook.url: is 'ftp://x'; accepted: an http or https address without user or password",
    ),
    "shed all": (
        {"do": "[{shed: {share: 100%}}]"},
        "7: do[0].shed.share: is 100%; accepted: above 0% and below 100%",
    ),
    "where list": (
        {"do": "[{route: {from: primary, to: fallback, share: 100%, where: [ios]}}]"},
        "7: do[0].route.where: is a list; accepted: a mapping of 1 to 4 texts, like {platform: ios}",
    ),
    "otherwise flat": (
        {"otherwise": "[{shed: {share: 20%}}]"},
        "9: otherwise[0]: is a mapping; accepted: a list, like `- - shed: {share: 20%}`",
    ),
    "duration": (
        {"guards": "{cooldown: 10}"},
        "9: guards.cooldown: '10' is not a duration; accepted: a number above 0 with ms, s, m, h or d",
    ),
    "budget": (
        {"guards": "{budget: 3/h}"},
        "9: guards.budget: '3/h' is not a budget; accepted: COUNT per DURATION, like 3 per 1h",
    ),
    "budget that never binds": (
        {"guards": "{budget: 65 per 1h}"},
        "9: guards.budget: '65 per 1h' would never bind; accepted: a count of 1 to 64",
    ),
    "budget zero": (
        {"guards": "{budget: 0 per 1h}"},
        "9: guards.budget: '0 per 1h' is not a budget; accepted: COUNT per DURATION, like 3 per 1h",
    ),
    "budget long": (
        {"guards": "{budget: 3 per 60d}"},
        "9: guards.budget: the period is out of range; accepted: 1s to 30d",
    ),
    "autonomy": (
        {"guards": "{autonomy: full}"},
        "9: guards.autonomy: is 'full'; accepted: shadow, suggest, approve, auto",
    ),
    "excludes": (
        {"guards": "{excludes: [rooting]}"},
        "9: guards.excludes[0]: 'rooting' is no exclusion group; did you mean routing? accepted: caching, freezing, notifying, promotion, routing, scaling, shedding, training",
    ),
    "priority": (
        {"guards": "{priority: high}"},
        "9: guards.priority: is 'high'; accepted: a whole number from 0 to 100",
    ),
}

TEXTS = {
    "empty file": ("", "1: the file is empty; accepted: one playbook"),
    "not a mapping": (
        "- a\n",
        "1: is a list; accepted: a mapping with version, playbook, owner, why, for_each, when, no_data, do, otherwise, clear_when, guards",
    ),
    "a tab": (
        "version: 1\n\twhen: x\n",
        "2: not YAML: found character '\\t' that cannot start any token; indent with spaces",
    ),
    "two documents": (
        GOOD + "---\n" + GOOD,
        "9: a second document starts here; accepted: one playbook a file",
    ),
    "a boolean as key": (
        GOOD + "true: 1\n",
        "9: the key 'true' is a YAML boolean; accepted: text; quote it (\"true\") if it is meant",
    ),
    "a word that was a boolean in YAML 1.1": (
        GOOD + "on: 1\n",
        "9: on: unknown key 'on' (plain text in YAML 1.2); accepted: version, playbook, owner, why, for_each, when, no_data, do, otherwise, clear_when, guards",
    ),
    "a number as key": (
        GOOD + "7: 1\n",
        "9: the key '7' is a number; accepted: text; quote it (\"7\") if it is meant",
    ),
    "a null as key": (
        GOOD + "~: 1\n",
        "9: the key '~' is a YAML null; accepted: text; quote it (\"~\") if it is meant",
    ),
    "a key over two lines": (
        GOOD + '"a\\nb": 1\n',
        "9: a b: unknown key 'a\\nb'; accepted: version, playbook, owner, why, for_each, when, no_data, do, otherwise, clear_when, guards",
    ),
    "a key over two lines in a condition": (
        GOOD.replace("arm_bad{arm=primary} > 20% for 3s", '{"a\\nb": 1}'),
        "5: when: a mapping with a b; accepted: one of all, any, not; or if, for, no_data",
    ),
    "a merge key": (
        GOOD + "<<: {a: 1}\n",
        "9: merge keys (<<) are not read; accepted: write the keys out",
    ),
    "a key twice": (
        GOOD + "owner: you\n",
        "9: 'owner' is given twice (first in line 3); accepted: once",
    ),
    "list as key": (
        GOOD + "[a]: 1\n",
        '9: a list or mapping stands as a key; quote conditions inside [ ] or { }: ["latency_ms.p95 > 200ms for 2s"]',
    ),
    "alias bomb": (
        BOMB,
        "1: too large or nested too deeply; accepted: at most 24 levels and 4000 values, aliases expanded",
    ),
    "recursive alias": (
        "version: &a [*a]\n",
        "1: too large or nested too deeply; accepted: at most 24 levels and 4000 values, aliases expanded",
    ),
    "deep": (
        "version: " + "[" * 200 + "]" * 200 + "\n",
        "1: too large or nested too deeply; accepted: at most 24 levels and 4000 values, aliases expanded",
    ),
    "very deep": (
        "version: " + "[" * 5000 + "]" * 5000 + "\n",
        "1: too large or nested too deeply; accepted: at most 24 levels and 4000 values, aliases expanded",
    ),
    "an unquoted condition in a flow list of several lines": (
        GOOD.replace(
            "when: arm_bad{arm=primary} > 20% for 3s",
            "when: {all: [\n  degraded_share > 5%,\n  arm_bad{arm=primary} > 20%,\n]}",
        ),
        '7: a condition in flow style is not quoted; quote conditions inside [ ] or { }: ["latency_ms.p95 > 200ms for 2s"]',
    ),
    "a large file": ("# " + "x" * 40000, "1: the file has 40002 bytes; accepted: at most 32768"),
}


@pytest.mark.parametrize(("parts", "line"), PARTS.values(), ids=PARTS.keys())
def test_a_bad_part_gets_one_exact_line(
    language: Any, parts: dict[str, str | None], line: str
) -> None:
    assert language.error(language.text(**parts)) == f"p.yaml:{line}"


@pytest.mark.parametrize(("text", "line"), TEXTS.values(), ids=TEXTS.keys())
def test_a_bad_text_gets_one_exact_line(language: Any, text: str, line: str) -> None:
    assert language.error(text) == f"p.yaml:{line}"


@pytest.mark.parametrize(
    "text", ['why: "\\UFFFFFFFF"\n', 'why: "\\U00110000"\n', f"%YAML 1.{'9' * 5000}\n---\na: 1\n"]
)
def test_what_no_text_can_hold_is_refused_with_a_place(text: str) -> None:
    with pytest.raises(Problem) as caught:
        read_yaml(text)
    assert caught.value.finding.rule == "P002"


@given(st.text(alphabet="a:-[]{}&*!|>'\"%@#? \n\t,1", max_size=80))
def test_any_text_is_read_or_refused_with_a_place(text: str) -> None:
    problem = None
    try:
        read_yaml(text)
    except Problem as caught:
        problem = caught
    assert problem is None or (problem.place.line >= 1 and problem.finding.rule in RULES)


@given(cut=st.tuples(st.integers(0, len(GOOD)), st.integers(0, 40)), put=st.text(max_size=8))
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_damage_to_a_good_text_is_bad_input_or_harmless(
    language: Any, cut: tuple[int, int], put: str
) -> None:
    start, length = cut
    text = GOOD[:start] + put + GOOD[start + length :]
    known, catalogue = language.settings, language.catalogue
    with suppress(BadInput):
        assert playbook_from_text(text, "p.yaml", known, catalogue).text == text


def test_the_place_of_a_condition_is_its_character(language: Any, tmp_path: Path) -> None:
    text = GOOD.replace("> 20% for 3s", ">> 20%")
    (finding,) = language.findings(tmp_path, text)
    assert finding.excerpt == "when: arm_bad{arm=primary} >> 20%"
    assert finding.excerpt[finding.caret :] == "> 20%"


def test_a_folded_condition_is_shown_on_one_line(language: Any, tmp_path: Path) -> None:
    text = GOOD.replace("arm_bad{arm=primary} > 20% for 3s", ">-\n  arm_bad{arm=primary}\n  >> 20%")
    (finding,) = language.findings(tmp_path, text)
    assert finding.excerpt == "arm_bad{arm=primary} >> 20%"
    assert finding.excerpt[finding.caret :] == "> 20%"


def test_all_keys_of_a_file_are_reported_at_once(language: Any, tmp_path: Path) -> None:
    text = language.text(playbook="X Y", when="foo > 1", no_data=None, guards="{cooldown: 10}")
    rules = [finding.rule for finding in language.findings(tmp_path, text)]
    assert sorted(rules) == ["P011", "P012", "P013", "P021"]


def test_files_that_cannot_be_read_are_findings(language: Any, tmp_path: Path) -> None:
    binary, large = tmp_path / "binary.yaml", tmp_path / "large.yaml"
    binary.write_bytes(b"version: 1\nowner: \xff\n")
    large.write_bytes(b"#" * 40_000)
    paths = [tmp_path / "none.yaml", binary, large]
    found = check(paths, language.settings, language.catalogue)
    assert [finding.one_line().removeprefix(str(tmp_path)) for finding in found] == [
        "/none.yaml:1: P001 error: cannot be read: no such file or directory; accepted: a file that can",
        "/binary.yaml:2: P001 error: not UTF-8; accepted: UTF-8 text",
        "/large.yaml:1: P001 error: the file is too large; accepted: at most 32768 bytes",
    ]


def test_a_folder_is_loaded_sorted_by_name(language: Any, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(language.text(playbook="zebra"))
    (tmp_path / "b.yml").write_text(language.text(playbook="ant"))
    (tmp_path / "notes.txt").write_text("not a playbook")
    found = load_playbooks(tmp_path, language.settings, language.catalogue)
    assert [playbook.name for playbook in found] == ["ant", "zebra"]


def test_a_name_is_taken_once(language: Any, tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(language.text())
    (finding,) = check([tmp_path], language.settings, language.catalogue)
    assert (finding.rule, finding.file, finding.line) == ("P014", str(tmp_path / "b.yaml"), 2)
    with pytest.raises(BadInput, match="already in"):
        load_playbooks(tmp_path, language.settings, language.catalogue)


def test_a_missing_folder_is_bad_input(language: Any, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such folder"):
        load_playbooks(tmp_path / "none", language.settings, language.catalogue)
