"""Overlapping incidents, in every order: only claims of those that are open are left."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.core.draft import active_claims
from controller.core.limits import Limits, Rate
from controller.core.playbook import CacheTtl, Move, Playbook, Route, Shed
from tests.core.worlds import World, above, below, playbook, with_settings
from tests.examples import examples

BAD = {"p95": 412.0, "errors": 0.5, "shifted": 5.0, "recent_age": 900.0, "hour_age": 900.0}
GOOD = dict.fromkeys(BAD, 0.0)
ACTIONS = {
    "p95": Route("primary", "fallback", 1.0, returns=(1.0,), every_s=1.0),
    "errors": Route("primary", "fallback", 0.5, returns=(1.0,), every_s=1.0),
    "shifted": Shed(0.2),
    "recent_age": CacheTtl(300.0),
    "hour_age": Route("primary", "fallback", 0.8, returns=(1.0,), every_s=1.0),
}
TOGGLES = st.lists(st.sampled_from(sorted(BAD)), min_size=1, max_size=16)


def books() -> tuple[Playbook, ...]:
    """One for each signal; no guard keeps them from overlapping."""
    return tuple(
        playbook(
            name,
            above(name, BAD[name] / 2),
            rungs=((Move(action),),),
            clear_when=below(name, BAD[name] / 4),
            cooldown_s=0.0,
            budget_count=1_000,
        )
        for name, action in ACTIONS.items()
    )


@settings(max_examples=examples(100), deadline=None)
@given(toggles=TOGGLES)
def test_what_is_left_is_exactly_what_the_open_incidents_claim(toggles: list[str]) -> None:
    plenty = Rate(1_000, 60.0)
    limits = Limits(actions=plenty, per_class={"traffic": plenty}, per_target=plenty, storm=plenty)
    world = World(*books(), settings=with_settings(limits=limits, oscillation_limit=1_000))
    wrong: set[str] = set()
    world.tick(**GOOD)
    for name in toggles:
        wrong ^= {name}
        world.tick(6, **{each: BAD[each] if each in wrong else 0.0 for each in BAD})
        assert {each.playbook.name for each in world.state.incidents} == wrong
        owners = {claim.owner for claim in active_claims(world.state)}
        assert owners == {each.id for each in world.state.incidents}
        away = max(
            (a.share for n, a in ACTIONS.items() if n in wrong and isinstance(a, Route)),
            default=0.0,
        )
        assert abs(world.share() - (1.0 - away)) < 1e-9
        assert world.plan.shed_share == (0.2 if "shifted" in wrong else 0.0)
        assert world.plan.cache_ttl_s == (300.0 if "recent_age" in wrong else 30.0)
    world.tick(6, **GOOD)
    assert active_claims(world.state) == ()
    assert world.share() == 1.0
