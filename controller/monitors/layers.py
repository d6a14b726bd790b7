"""Every monitor and follower there is, layer by layer; to add one, add its line to its layer."""

from __future__ import annotations

from controller.core.readings import Catalogue
from controller.monitors import causes, data, following, model, objectives, outcome, sources, system
from controller.monitors.monitor import Monitor
from controller.settings import Settings

MONITORS: tuple[Monitor, ...] = (
    *system.MONITORS,
    *data.MONITORS,
    *model.MONITORS,
    *outcome.MONITORS,
    *objectives.MONITORS,
    *causes.MONITORS,
)
FOLLOWERS = following.FOLLOWERS


def measured_by(settings: Settings) -> Catalogue:
    """The monitors' own signals, without those that followers make of them."""
    return Catalogue.of([*(s for m in MONITORS for s in m.every_spec(settings)), *sources.SPECS])


def catalogue_of(settings: Settings) -> Catalogue:
    """Every signal of this service; lint, docs and metrics need no running system for it."""
    own = measured_by(settings)
    made = (spec for kind in FOLLOWERS for spec in kind.specs(settings, own))
    return Catalogue.of([*own.specs.values(), *made])
