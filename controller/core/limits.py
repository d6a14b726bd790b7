"""What all playbooks of a service together may do: the outermost guards, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

HOUR_S = 3_600.0
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Rate:
    """At most ``count`` in any span of ``per_s`` seconds: a rolling budget."""

    count: int
    per_s: float


@dataclass(frozen=True, slots=True)
class Cap:
    """On all services that give it the same ``name`` in one store, together."""

    name: str
    rate: Rate


def _by_class() -> dict[str, Rate]:
    return {
        "traffic": Rate(12, HOUR_S),
        "capacity": Rate(12, HOUR_S),
        "work": Rate(12, HOUR_S),
        "models": Rate(4, DAY_S),
    }


@dataclass(frozen=True, slots=True)
class Limits:
    """``actions``: of all classes but ``people``, whose freezes and pages are never rationed.

    ``per_target``: on one arm (or on the service, for `shed` and `cache_ttl`). ``storm``: incidents
    that act; one more than ``count`` freezes everything for ``per_s`` and pages. The shares are of
    the whole traffic, 0 to 1.
    """

    actions: Rate = Rate(24, HOUR_S)
    per_class: Mapping[str, Rate] = field(default_factory=_by_class)
    per_target: Rate = Rate(8, HOUR_S)
    storm: Rate = Rate(12, 600.0)
    all_services: Cap | None = None
    """What several services may do together; None: this one asks nobody."""
    most_moved_share: float = 1.0
    """How much of the traffic may be away from where the baseline sends it, at any one time."""
    fewest_healthy_arms: int = 1
    """Arms that no open incident drains, after a move."""
    region_segment: str = "region"
    """The segment whose values are moved one at a time."""
    most_utilization: float = 0.70
    """Of the arm a move leads to, predicted; a move beyond it is refused (law 10)."""
