"""The whole story: breach, reroute, adopted, verified, holding, clear, staged return, recovered."""

from __future__ import annotations

from tests.core.worlds import (
    RETRAIN,
    ROUTE,
    Move,
    World,
    above,
    both,
    notify,
    playbook,
    verified,
    with_settings,
)


def test_a_slow_primary_is_routed_around_verified_and_returned_in_stages() -> None:
    world = World(playbook(), through_json=True)
    assert world.phases == ["elected"]

    world.tick(2, p95=412.0, degraded=0.3)
    assert world.phases == ["elected"], "2 s need 3 ticks"
    world.tick()
    assert world.phases[1:] == ["opened", "acting"]
    assert world.share("primary") == 0.0
    assert world.share("fallback") == 1.0
    assert world.plan.probe_per_s["primary"] == 20.0
    assert world.plan.owners["arms.primary.share"] == world.incident.id
    assert "is 412 ms, above 200 ms for 2 s (n=96)" in world.sentences("opened")[0]
    acted_at_s = world.at_s

    world.tick(degraded=0.0)
    assert world.phases[-1] == "verifying"
    took = world.until("holding")
    assert took == 5, "only windows that start after adoption count"
    assert world.sentences("holding")[0].endswith("passed: degraded_share < 0.01")
    assert world.incident.adopted_at_s == acted_at_s + 1

    world.tick(10)
    assert world.incident.phase == "holding"
    world.until("returning", p95=50.0)
    assert world.share("primary") == 0.1
    assert world.until("returning") == 5
    assert world.share("primary") == 0.5
    assert world.until("returning") == 5
    assert world.share("primary") == 1.0
    assert world.plan.probe_per_s["primary"] == 20.0, "probes flow until it has recovered"
    assert world.until("recovered") == 5
    assert world.state.incidents == ()
    assert "primary" not in world.plan.probe_per_s
    assert world.plan.owners["arms.primary.share"] == "baseline"
    assert world.phases == [
        "elected",
        "opened",
        "acting",
        "verifying",
        "holding",
        "returning",
        "returning",
        "returning",
        "recovered",
    ]


def test_one_rung_routes_and_retrains_in_one_plan_revision() -> None:
    book = playbook(
        when=both(above("p95", 200.0, 2.0), above("shifted", 0.5)),
        rungs=((verified(ROUTE), Move(RETRAIN), notify()),),
    )
    world = World(book)
    world.tick(5, p95=412.0, shifted=2.0, degraded=0.2)
    acting = [plan for plan in world.plans if plan.wanted]
    first = acting[0]
    assert first.arms["primary"].share == 0.0
    retrain, notice = first.wanted
    incident = world.incident.id
    assert (retrain.id, retrain.kind) == (f"{incident}-retrain-1", "retrain")
    assert retrain.arguments == {"arm": "primary", "data_s": 86_400.0}
    assert retrain.then == "evaluate"
    assert (notice.id, notice.kind) == (f"{incident}-notify-2", "notify")


def test_ids_name_playbook_epoch_and_revision() -> None:
    world = World(playbook())
    world.tick(3, p95=412.0)
    assert world.incident.id == "slow-primary-7-2"
    assert [record.id for record in world.records] == ["7-1-1", "7-2-1", "7-2-2"]


def test_an_incident_that_neither_ends_nor_fails_is_told_to_its_owner_once() -> None:
    world = World(playbook(), settings=with_settings(remind_after_s=30.0))
    world.until("holding", p95=412.0, degraded=0.0)
    world.tick(60)
    assert world.phases.count("reminded") == 1
    assert any("is open for 30 s and is holding" in page for page in world.pages())
