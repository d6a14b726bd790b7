"""`for_each`: one incident per value, with its variable bound."""

from __future__ import annotations

from controller.core.playbook import Comparison, Move, Notify, Playbook, Quantity
from controller.core.step import named_signals, watched_signals
from tests.core.worlds import SETTINGS, World, playbook

LABELS = (("feature_group", "$feature_group"),)


def stale() -> Playbook:
    def age(op: str, limit: float) -> Comparison:
        quantity = Quantity("feature.age_s", LABELS)
        text = f"feature.age_s{{feature_group=$feature_group}} {op} {limit:g}s"
        return Comparison(quantity, op, limit, "s", 0.0, text)  # type: ignore[arg-type]

    move = Move(Notify("chat", "$feature_group is stale"))
    return playbook("stale", age(">", 60.0), ((move,),), age("<", 30.0), for_each="feature_group")


def test_every_value_has_an_incident_of_its_own() -> None:
    world = World(stale(), through_json=True)
    world.tick(recent_age=90.0)
    assert world.incident.id == "stale-user_recent-7-2"
    assert world.wanted("notify")[0].arguments["message"] == "user_recent is stale"
    world.tick(hour_age=90.0)
    assert [each.target for each in world.state.incidents] == ["user_recent", "item_hour"]


def test_one_value_recovers_alone() -> None:
    world = World(stale())
    world.tick(2, recent_age=90.0, hour_age=90.0)
    world.until("recovered", recent_age=1.0)
    assert [each.target for each in world.state.incidents] == ["item_hour"]


def test_each_value_has_its_own_cooldown() -> None:
    world = World(stale())
    world.tick(2, recent_age=90.0)
    world.until("recovered", recent_age=1.0)
    world.tick(recent_age=90.0, hour_age=90.0)
    assert [each.target for each in world.state.incidents] == ["item_hour"]
    assert "stale (user_recent) may not act now" in world.sentences("blocked")[0]


def test_named_signals_are_bound_and_have_their_default_windows() -> None:
    found = named_signals((stale(), playbook()), SETTINGS)
    assert sorted(str(key) for key in found) == [
        "arm_latency_ms.p95{arm=primary}[5s]",
        "degraded_share[5s]",
        "feature.age_s{feature_group=item_hour}[5s]",
        "feature.age_s{feature_group=user_recent}[5s]",
    ]


def test_open_incidents_keep_their_signals_watched() -> None:
    world = World(stale())
    world.tick(2, recent_age=90.0)
    world.load()
    assert [str(key) for key in watched_signals(world.state)] == [
        "feature.age_s{feature_group=user_recent}[5s]"
    ]
