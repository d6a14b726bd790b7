"""``anomaly(SIGNAL)``: at what rate a reading as odd as the last one is expected, per second.

So ``anomaly(x) rarer than 1 per 30d`` compares it with 1 / 30 d. Readings are looked at every 10 s,
only of series that a playbook asks for; the first hour (360 readings that were ok) is
`insufficient`. What is not ok is not judged, and shows its own state.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from controller.core.readings import Catalogue, Reading, SignalSpec
from controller.monitors.follower import FollowerKind
from controller.monitors.following.followed_series import (
    SAMPLE_EVERY_S,
    Answer,
    SeriesFollower,
    of_each,
)
from controller.monitors.monitor import Arrays
from controller.settings import Settings
from controller.statistics.anomaly import AnomalyScorer, rarity

WARM_SAMPLES = 360


def specs_of(_settings: Settings, catalogue: Catalogue) -> tuple[SignalSpec, ...]:
    """One for each signal, with its labels and windows."""
    return tuple(_each(catalogue).values())


def _each(catalogue: Catalogue) -> dict[str, SignalSpec]:
    return of_each(catalogue, "anomaly", "per_s", "Expected rate of readings as odd", "low")


class AnomalyJudge:
    """See `controller.monitors.following.followed_series.Judge`; 60 kB."""

    def __init__(self) -> None:
        self._scorer = AnomalyScorer()
        self._found = 0.0

    def take(self, at_s: float, reading: Reading) -> None:
        """Score it."""
        self._found = self._scorer.score(at_s, reading.value)

    def answer(self, at_s: float) -> Answer:  # noqa: ARG002
        """The expected rate of the last one."""
        count = self._scorer.count
        if count < WARM_SAMPLES:
            return Answer(None, count, f"learning: {count} of {WARM_SAMPLES} readings")
        return Answer(rarity(self._found) / SAMPLE_EVERY_S, count)

    def snapshot(self) -> Arrays:
        """What the scorer learnt."""
        return self._scorer.snapshot()

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Raise KeyError or ValueError on anything else."""
        self._scorer.restore(dict(arrays))


class AnomalyFollower(SeriesFollower):
    """See `controller.monitors.follower.Follower`."""

    def __init__(self, _settings: Settings, catalogue: Catalogue) -> None:
        each = _each(catalogue)
        about = {spec.name: catalogue.specs[name] for name, spec in each.items()}
        super().__init__(each.values(), about, lambda _key: AnomalyJudge())


FOLLOWER = FollowerKind("anomaly", specs_of, AnomalyFollower)
