"""A playbook's track record: what a person looks at before raising its autonomy."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from controller.core.playbook import Autonomy
from tests.core.worlds import ROUTE, World, playbook, verified


def record(world: World) -> Mapping[str, int]:
    (ledger,) = world.state.ledgers
    return ledger.outcomes


def test_a_helpful_incident_counts_as_fired_passed_and_recovered() -> None:
    world = World(playbook())
    world.until("acting", p95=412.0, degraded=0.3)
    world.until("holding", degraded=0.0)
    world.until("recovered", p95=50.0)
    assert record(world) == {"fired": 1, "passed": 1, "recovered": 1}


def test_an_undone_rung_is_counted() -> None:
    world = World(playbook(rungs=((verified(ROUTE, "undo"),),)))
    world.until("acting", p95=412.0, degraded=0.3)
    world.until("returning", p95=180.0)
    assert record(world) == {"failed": 1, "fired": 1, "undone": 1}


def test_a_persons_no_is_counted() -> None:
    world = World(playbook(autonomy=Autonomy.APPROVE))
    world.until("asked", p95=412.0)
    world.command("reject", f"{world.incident.id}-act")
    assert record(world)["rejected"] == 1


@pytest.mark.parametrize("autonomy", [Autonomy.SHADOW, Autonomy.SUGGEST])
@pytest.mark.parametrize(
    ("lasts_s", "outcome"), [(5, "passed by itself"), (40, "would have mattered")]
)
def test_in_shadow_it_counts_whether_the_fault_outlasted_what_acting_takes(
    autonomy: Autonomy, lasts_s: int, outcome: str
) -> None:
    world = World(playbook(autonomy=autonomy))
    world.tick(lasts_s, p95=412.0)
    world.until("recovered", p95=50.0)
    assert record(world) == {outcome: 1}
