"""``anomaly.system``: one score over the system signals, always followed, looked at every 10 s.

Its value is -log10 of the expected episodes per look as odd as this: 4 is once in 28 hours, 5.4
once in 30 days. A signal that is not ok is left out; of a labelled one the largest counts. The
first hour with readings is `insufficient`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from numpy.typing import NDArray

from controller.core.readings import Catalogue, Reading, Readings, SignalKey, SignalSpec
from controller.monitors.follower import FollowerKind
from controller.monitors.following.anomaly import WARM_SAMPLES
from controller.monitors.following.followed_series import SAMPLE_EVERY_S
from controller.monitors.monitor import Arrays, Family
from controller.monitors.tick import TickView
from controller.settings import Settings
from controller.statistics.anomaly_joint import JointScorer

SPEC = SignalSpec(
    "anomaly.system",
    "value",
    (),
    WARM_SAMPLES,
    0.0,
    "How odd the system signals are together: -log10 of the expected episodes per 10 s",
    harm="high",
)
SYSTEM_SIGNALS = (
    "latency_ms.p95",
    "availability",
    "degraded_share",
    "shed_share",
    "request_rate_per_s",
    "cache_hit_rate",
)
PER_ARM = ("queue_depth", "oldest_queued_s")


class SystemAnomalyFollower:
    """See `controller.monitors.follower.Follower`."""

    def __init__(self, settings: Settings, catalogue: Catalogue) -> None:
        known = catalogue.specs
        self._keys: dict[str, tuple[SignalKey, ...]] = {
            name: (SignalKey(name, (), known[name].default_window_s),)
            for name in SYSTEM_SIGNALS
            if name in known and not known[name].labels
        }
        for name in PER_ARM:
            if name in known and known[name].labels == ("arm",):
                window_s = known[name].default_window_s
                self._keys[name] = tuple(
                    SignalKey(name, (("arm", arm),), window_s) for arm in settings.arms
                )
        self._scorer = JointScorer(tuple(self._keys))
        self._score = 0.0
        self._looked_at: int | None = None

    def follow(self, wanted: Iterable[SignalKey]) -> None:
        """Always followed."""
        del wanted

    def advance(self, readings: Readings, tick: TickView) -> None:
        """Every 10 s."""
        look = int(tick.at_s // SAMPLE_EVERY_S)
        if look == self._looked_at:
            return
        self._looked_at = look
        values = {name: _largest(keys, readings) for name, keys in self._keys.items()}
        self._score = self._scorer.score(tick.at_s, values)

    def families(self) -> tuple[Family, ...]:
        """One series."""
        return (Family((SPEC,)),)

    def reading(self, key: SignalKey, tick: TickView) -> Reading:  # noqa: ARG002
        """As of the last look."""
        at_s = float(tick.at_s - tick.at_s % SAMPLE_EVERY_S)
        trouble = tick.trouble((tick.proof_of_life,), 0.0)
        count = self._scorer.count
        if trouble is not None:
            return Reading(None, trouble[0], count, at_s, at_s, trouble[1])
        return tick.reading(SPEC, (), (at_s, at_s), self._score, count)

    def snapshot(self) -> Arrays:
        """What the joint scorer learnt."""
        return self._scorer.snapshot()

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Other signals than then: stay new. Raise KeyError or ValueError on a broken one."""
        if arrays and tuple(arrays["names"].tolist()) == self._scorer.names:
            self._scorer.restore(arrays)


def _largest(keys: Iterable[SignalKey], readings: Readings) -> float | None:
    found = (readings.get(key) for key in keys)
    values = [r.value for r in found if r is not None and r.value is not None]
    return max(values, default=None)


FOLLOWER = FollowerKind("anomaly_system", lambda _settings, _own: (SPEC,), SystemAnomalyFollower)
