"""Good texts and the exact model they become."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from controller.core.playbook import (
    All,
    AnyOf,
    Autonomy,
    CacheTtl,
    Comparison,
    Evaluate,
    Freeze,
    Guards,
    Move,
    NoData,
    Not,
    Notify,
    Playbook,
    PrewarmCache,
    Promote,
    Quantity,
    Retrain,
    Revert,
    Route,
    Scale,
    Shed,
    Webhook,
)
from controller.core.playbook_document import playbook_from_document, playbook_to_document

FULL = """\
version: 1
playbook: slow-and-drifting
owner: recs-oncall
why: The primary breaches while its inputs drift.
when:
  all:
    - arm_latency_ms.p95{arm=primary} > 200ms for 2s
    - drift.shifted_features{arm=primary} >= 1
    - not: {if: "request_rate_per_s[10s] < 0.5/s", for: 10s, no_data: escalate}
no_data: hold                       # required
do:
  - route: {from: primary, to: fallback, share: 100%, return: [10%, 50%, 100%]}
    expect: degraded_share < 1% within 30s
    else: next
  - retrain: {arm: primary, data: last 24h, then: evaluate}
otherwise:
  - - shed: {share: 20%}
clear_when: arm_latency_ms.p95{arm=primary}[30s] < 150ms for 60s
guards: {autonomy: approve, cooldown: 10m, budget: 3 per 1h, excludes: [routing], priority: 55}
"""

P95 = Quantity("arm_latency_ms.p95", (("arm", "primary"),))


def test_every_key_reaches_the_model(language: Any) -> None:
    from controller.language.loading import playbook_from_text

    playbook = playbook_from_text(FULL, "p.yaml", language.settings, language.catalogue)
    shifted = Quantity("drift.shifted_features", (("arm", "primary"),))
    slow = "arm_latency_ms.p95{arm=primary} > 200ms for 2s"
    quiet = "request_rate_per_s[10s] < 0.5/s for 10s"
    rate = Quantity("request_rate_per_s", (), 10.0)
    assert playbook == Playbook(
        name="slow-and-drifting",
        owner="recs-oncall",
        why="The primary breaches while its inputs drift.",
        when=All(
            (
                Comparison(P95, ">", 200.0, "ms", 2.0, slow),
                Comparison(
                    shifted, ">=", 1.0, "count", 0.0, "drift.shifted_features{arm=primary} >= 1"
                ),
                Not(Comparison(rate, "<", 0.5, "per_s", 10.0, quiet, NoData.ESCALATE)),
            )
        ),
        no_data=NoData.HOLD,
        rungs=(
            (
                Move(
                    Route("primary", "fallback", 1.0, (0.1, 0.5, 1.0)),
                    Comparison(
                        Quantity("degraded_share"), "<", 0.01, "share", 0.0, "degraded_share < 1%"
                    ),
                    30.0,
                    "next",
                ),
                Move(Retrain("primary", 86_400.0, "evaluate")),
            ),
            (Move(Shed(0.2)),),
        ),
        clear_when=Comparison(
            Quantity("arm_latency_ms.p95", (("arm", "primary"),), 30.0),
            "<",
            150.0,
            "ms",
            60.0,
            "arm_latency_ms.p95{arm=primary}[30s] < 150ms for 60s",
        ),
        guards=Guards(Autonomy.APPROVE, 600.0, 3, 3600.0, ("routing",), 55),
        text=FULL,
        sha256=hashlib.sha256(FULL.encode()).hexdigest(),
    )
    assert playbook_from_document(playbook_to_document(playbook)) == playbook


def test_guards_that_are_not_given_have_the_models_defaults(language: Any) -> None:
    assert language.read().guards == Guards()


ACTIONS = {
    "route": (
        "route: {from: primary, to: fallback, share: 50%}",
        Route("primary", "fallback", 0.5),
    ),
    "route with stages": (
        "route: {from: primary, to: fallback, share: 12.5%, return: {stages: [100%], every: 5s}}",
        Route("primary", "fallback", 0.125, (1.0,), 5.0),
    ),
    "route of a segment": (
        "route: {from: primary, to: fallback, share: 100%, where: {platform: ios}, expires: 1h}",
        Route("primary", "fallback", 1.0, where={"platform": "ios"}, expires_s=3600.0),
    ),
    "retrain": ("retrain: {arm: primary, data: last 7d}", Retrain("primary", 604_800.0)),
    "evaluate": ("evaluate: {arm: primary}", Evaluate("primary")),
    "evaluate a version": (
        "evaluate: {arm: primary, candidate: v12}",
        Evaluate("primary", "v12"),
    ),
    "promote a version": (
        "promote: {version: 2026-05-01, into: primary}",
        Promote("2026-05-01", "primary"),
    ),
    "promote an arm": ("promote: {arm: fallback}", Promote(arm="fallback")),
    "revert": ("revert: {arm: primary}", Revert("primary")),
    "prewarm_cache": ("prewarm_cache: {arm: primary}", PrewarmCache("primary")),
    "cache_ttl": ("cache_ttl: {ttl: 2m}", CacheTtl(120.0)),
    "scale": ("scale: {arm: primary, replicas: 4}", Scale("primary", 4)),
    "shed": ("shed: {share: 20%}", Shed(0.2)),
    "freeze": ("freeze: {what: promotions}", Freeze("promotions")),
    "freeze for a time": ("freeze: {what: all, for: 2h}", Freeze("all", 7200.0)),
    "notify": (
        "notify: {channel: oncall, message: 'Look, please.'}",
        Notify("oncall", "Look, please."),
    ),
    "webhook": (
        "webhook: {url: 'https://example.org/hook', body: {team: recs}}",
        Webhook("https://example.org/hook", {"team": "recs"}),
    ),
}


@pytest.mark.parametrize(("text", "action"), ACTIONS.values(), ids=ACTIONS.keys())
def test_an_action_reaches_the_model(language: Any, text: str, action: object) -> None:
    assert language.read(do=f"[{{{text}}}]").rungs == ((Move(action),),)  # type: ignore[arg-type]


CONDITIONS = {
    "milliseconds written in seconds": (
        "arm_latency_ms.p95{arm=primary} > 0.2s",
        (200.0, "ms", 0.0),
    ),
    "seconds written in minutes": (
        "feature_age_s.p95{feature_group=item_hour} > 5m",
        (300.0, "s", 0.0),
    ),
    "a share": ("arm_bad{arm=primary} >= 0.1%", (0.001, "share", 0.0)),
    "a rate": ("request_rate_per_s > 10 /s for 1m", (10.0, "per_s", 60.0)),
    "a count": ("queue_depth{arm=primary} > 30 count", (30.0, "count", 0.0)),
    "a bare value": ("slo.burn_rate{slo=latency} > 14.4", (14.4, "value", 0.0)),
    "an anomaly": (
        "anomaly(arm_latency_ms.p95{arm=primary}) rarer than 1 per 30d for 2s",
        (1 / 2_592_000, "per_s", 2.0),
    ),
    "a change": ("change(ctr{arm=primary})", (1.0, "count", 0.0)),
    "a negative lift": ("lift(ctr, primary, fallback).upper < -5%", (-0.05, "share", 0.0)),
}


@pytest.mark.parametrize(("text", "expected"), CONDITIONS.values(), ids=CONDITIONS.keys())
def test_a_condition_is_in_the_unit_of_its_signal(
    language: Any, text: str, expected: tuple[float, str, float]
) -> None:
    when = language.read(when=f"'{text}'", clear_when="latency_ms.p50 < 20ms").when
    assert (when.threshold, when.unit, when.for_s) == expected
    assert when.text == text


COUNTS = {
    "ticks in a row": ("latency_ms.p95 > 150ms for 5 ticks", (0.0, 5, 0, 0.0)),
    "ticks beside the condition": (
        "{if: latency_ms.p95 > 150ms, for: 5 ticks}",
        (0.0, 5, 0, 0.0),
    ),
    "times within": ("latency_ms.p95 > 150ms 3 times within 10m", (0.0, 0, 3, 600.0)),
    "times of a bare number": (
        "queue_depth{arm=primary} > 3 3 times within 1h",
        (0.0, 0, 3, 3600.0),
    ),
    "times of a change": ("change(ctr{arm=primary}) 2 times within 1d", (0.0, 0, 2, 86_400.0)),
}


@pytest.mark.parametrize(("text", "expected"), COUNTS.values(), ids=COUNTS.keys())
def test_a_count_reaches_the_model_and_is_said(
    language: Any, text: str, expected: tuple[float, int, int, float]
) -> None:
    playbook = language.read(when=text)
    when = playbook.when
    assert (when.for_s, when.for_ticks, when.times, when.times_within_s) == expected
    assert when.text == text.removeprefix("{if: ").replace(", for: 5", " for 5").strip("}")
    assert playbook_from_document(playbook_to_document(playbook)) == playbook


def test_functions_are_signals_of_their_own_name(language: Any) -> None:
    lift = language.read(when="lift(ctr, primary, fallback).upper[1h] < -5%".replace("[1h]", ""))
    assert lift.when.quantity == Quantity("lift(ctr,primary,fallback).upper")
    anomaly = language.read(
        when="anomaly(arm_latency_ms.p95{arm=primary}[10s]) rarer than 2 per 1d"
    )
    assert anomaly.when.quantity == Quantity(
        "anomaly(arm_latency_ms.p95)", (("arm", "primary"),), 10.0
    )


def test_for_each_binds_its_variable(language: Any) -> None:
    playbook = language.read(
        for_each="feature_group",
        when="feature_age_s.p95{feature_group=$feature_group} > 5m",
    )
    assert playbook.for_each == "feature_group"
    assert playbook.when.quantity.labels == (("feature_group", "$feature_group"),)


def test_an_expectation_may_be_a_tree(language: Any) -> None:
    playbook = language.read(
        do="""
  - route: {from: primary, to: fallback, share: 100%}
    expect:
      if: {any: [degraded_share < 1%, latency_ms.p95 < 90ms]}
      within: 30s
    else: undo"""
    )
    move = playbook.rungs[0][0]
    assert isinstance(move.expect, AnyOf)
    assert (move.within_s, move.otherwise) == (30.0, "undo")


def test_text_is_read_as_it_is_written(language: Any) -> None:
    """YAML 1.2: ``on`` and ``no`` are words; and a version is not a number."""
    playbook = language.read(owner="on", do="[{promote: {version: 1.10, into: primary}}]")
    assert playbook.owner == "on"
    assert playbook.rungs[0][0].action == Promote("1.10", "primary")
