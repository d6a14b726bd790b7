"""A small audience, made once: most tests only look at it."""

from __future__ import annotations

import pytest

from simulator.population.audience import Audience
from simulator.spec import Traffic, Users, WorldSpec

SPEC = WorldSpec(
    traffic=Traffic(rate_per_s=20.0, day_ratio=2.2, burstiness=0.3, shots_per_day=4.0),
    users=Users(users=300, items=200),
    routers=3,
)


@pytest.fixture(scope="session")
def spec() -> WorldSpec:
    return SPEC


@pytest.fixture(scope="session")
def audience() -> Audience:
    """Use no blocks of it: they come once."""
    return Audience(SPEC, 7, slate_size=10, segments={"platform": ("ios", "web")})
