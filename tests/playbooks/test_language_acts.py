"""From text to deed: every form of condition fires, and every action does what it says."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from controller.core.conditions import Sight, comparisons, evaluate, key_of
from controller.core.playbook import NoData, Playbook
from controller.core.readings import Catalogue, Reading, ReadingState
from controller.language.action_fields import ACTION_FIELDS
from controller.language.loading import playbook_from_text
from controller.language.rules.page import BASE, change
from controller.monitors.layers import catalogue_of
from controller.settings import Settings
from tests.core.worlds import World

KNOWN = Settings()


@cache
def catalogue() -> Catalogue:
    return catalogue_of(KNOWN)


def read(**parts: str) -> Playbook:
    (text,) = change(**parts).texts()
    return playbook_from_text(text, "p.yaml", KNOWN, catalogue())


FORMS = {
    "a signal": ("arm_bad{arm=primary} > 20%", 0.3, 0.1),
    "its own window": ("arm_bad{arm=primary}[30s] > 20%", 0.3, 0.1),
    "an anomaly": ("anomaly(arm_latency_ms.p95{arm=primary}) rarer than 1 per 30d", 1e-8, 1.0),
    "a change": ("change(ctr{arm=primary})", 1.0, 0.0),
    "a lift": ("lift(ctr, primary, fallback).upper < -5%", -0.1, 0.1),
    "a burn rate": ("slo.burn_rate{slo=latency} > 14.4", 20.0, 1.0),
    "silence": ("source.silent_s{topic=outcome} > 1m", 61.0, 59.0),
}


@pytest.mark.parametrize(("text", "bad", "good"), FORMS.values(), ids=FORMS)
def test_a_condition_of_every_form_fires(text: str, bad: float, good: float) -> None:
    when = read(when=f"'{text}'", do="[{notify: {channel: oncall}}]").when
    judged = KNOWN.for_judge(catalogue())
    (leaf,) = comparisons(when)
    key = key_of(leaf.quantity, judged)
    assert key.window_s in (30.0, catalogue().specs[key.name].default_window_s)
    for value, said in ((bad, "met"), (good, "not met")):
        reading = Reading(value, ReadingState.OK, 99, 0.0, 60.0)
        sight = Sight({key: reading}, judged, None, NoData.HOLD)
        assert evaluate(when, (), sight).truth.value == said


def _wanted(kind: str, **arguments: Any) -> Callable[[World], bool]:
    return lambda world: any(dict(w.arguments) == arguments for w in world.wanted(kind))


def _asks(world: World) -> bool:
    return bool(world.state.approvals)


DEEDS: dict[str, tuple[str, Callable[[World], bool]]] = {
    "route": (
        "{from: primary, to: fallback, share: 50%, where: {platform: ios}, expires: 1h}",
        lambda w: (
            w.plan.splits[0].shares["fallback"] == 0.5
            and w.incident.claims[0].until_s == w.incident.claims[0].since_s + 3600.0
        ),
    ),
    "retrain": (
        "{arm: primary, data: last 1d, then: evaluate}",
        _wanted("retrain", arm="primary", data_s=86_400.0),
    ),
    "evaluate": ("{arm: primary, candidate: v2}", _asks),
    "promote": ("{version: v2, into: primary}", _asks),
    "revert": ("{arm: primary}", lambda w: "no promotion to revert" in w.sentences("acting")[0]),
    "prewarm_cache": ("{arm: primary}", _wanted("prewarm_cache", arm="primary")),
    "cache_ttl": ("{ttl: 2m}", lambda w: w.plan.cache_ttl_s == 120.0),
    "scale": ("{arm: primary, replicas: 4}", lambda w: w.plan.arms["primary"].replicas == 4),
    "shed": ("{share: 20%}", lambda w: w.plan.shed_share == 0.2),
    "freeze": (
        "{what: promotions, for: 2h}",
        lambda w: (
            w.plan.frozen == ("promotions",)
            and w.incident.claims[0].until_s == w.incident.claims[0].since_s + 7200.0
        ),
    ),
    "notify": (
        "{channel: oncall, message: Look.}",
        _wanted("notify", channel="oncall", message="Look."),
    ),
    "webhook": (
        "{url: 'https://example.org/x', body: {team: recs}}",
        _wanted("webhook", url="https://example.org/x", body={"team": "recs"}),
    ),
}


@pytest.mark.parametrize("action", ACTION_FIELDS)
def test_every_action_does_what_it_says(action: str) -> None:
    fields, done = DEEDS[action]
    world = World(read(do=f"[{{{action}: {fields}}}]"))
    world.tick(7, p95=412.0)
    assert done(world), world.records[-1].sentence


def test_a_freeze_ends_with_its_incident_or_its_time_whichever_is_first() -> None:
    for span, ticks in (("", 100), (", for: 20s", 25)):
        world = World(read(do=f"[{{freeze: {{what: promotions{span}}}}}]", clear_when=CLEAR))
        world.tick(7, p95=412.0)
        world.tick(5, p95=412.0)
        assert world.plan.frozen == ("promotions",)
        world.tick(ticks, p95=412.0 if span else 50.0)
        assert world.plan.frozen == ()


CLEAR = BASE["clear_when"].replace("[30s]", "")


def test_the_third_time_opens_an_incident() -> None:
    world = World(read(when="arm_latency_ms.p95{arm=primary} > 150ms 3 times within 10m"))
    for _ in range(2):
        world.tick(3, p95=412.0)
        world.tick(3, p95=50.0)
    assert world.state.incidents == ()
    world.tick(1, p95=412.0)
    assert world.share() == 0.0
    assert "3 times within 10 min" in str([c.sentence for c in world.records[-1].conditions])


def test_each_arm_has_its_own_incident_and_its_own_move() -> None:
    parts = {
        "when": "arm_latency_ms.p95{arm=$arm} > 150ms",
        "do": "[{retrain: {arm: $arm, data: last 1d}}]",
    }
    world = World(read(for_each="arm", clear_when="arm_bad{arm=$arm} < 2% for 60s", **parts))
    world.tick(2, p95=412.0)
    assert world.incident.target == "primary"
    assert [w.arguments["arm"] for w in world.wanted("retrain")] == ["primary"]


def test_one_condition_may_have_its_own_no_data() -> None:
    when = (
        '{any: [{if: "arm_latency_ms.p95{arm=primary} > 150ms", no_data: act},'
        ' {if: "degraded_share > 20%", no_data: hold}]}'
    )
    world = World(read(when=when))
    world.tick(3, degraded="insufficient")
    assert world.state.incidents == ()
    world.tick(1, p95="down")
    assert world.share() == 0.0
