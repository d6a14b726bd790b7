"""Arms that answer inside the router's process, from memory; one of them is the last resort.

They need no Redis, no Kafka and no handle. Loading happens off the event loop; a version that
cannot be loaded leaves the loaded one in place.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping

from controller.errors import BadInput
from models.errors import ModelError
from models.recommender import FeatureValues, Recommender
from models.registry import Registry
from serving.arm_call import ArmAnswer, ArmQuery

LATEST = "latest"
_log = logging.getLogger(__name__)


class LocalArms:
    """``last_resort`` is the one arm that must be loaded before anything is served."""

    def __init__(self, registry: Registry, arms: tuple[str, ...], last_resort: str) -> None:
        self._registry = registry
        self._arms = dict.fromkeys((*arms, last_resort))
        self.last_resort = last_resort
        self._loaded: dict[str, Recommender] = {}
        self._refused: dict[str, str] = {}

    def load(self, wanted: Mapping[str, str]) -> None:
        """Load what the plan wants; blocks on the disk. ``wanted``: arm to version or ``latest``."""
        for arm in self._arms:
            version = wanted.get(arm, LATEST)
            if version == LATEST:
                version = self._registry.latest(arm) or ""
            held = self._loaded.get(arm)
            if not version or (held is not None and held.version == version):
                continue
            if self._refused.get(arm) == version:
                continue
            try:
                self._loaded[arm] = self._registry.load(version)
            except ModelError as error:
                self._refused[arm] = version
                _log.error("arm %s keeps its version: %s", arm, error)

    def require_last_resort(self) -> None:
        """Raise BadInput when there is nothing to fall back on."""
        if self.last_resort not in self._loaded:
            raise BadInput(
                f"no model is registered for the fallback arm {self.last_resort!r}; "
                "register one first (`selfright up` trains it)"
            )

    def __contains__(self, arm: object) -> bool:
        return arm in self._loaded

    def version(self, arm: str) -> str:
        return self._loaded[arm].version

    def answer(self, arm: str, query: ArmQuery) -> ArmAnswer:
        """A slate from memory, in well under a millisecond of CPU."""
        started_s = time.thread_time()
        scored = self._loaded[arm].recommend(query.user_hash, query.k, FeatureValues())
        return ArmAnswer(
            item_ids=scored.item_ids,
            scores=scored.scores,
            version=self._loaded[arm].version,
            inputs=scored.inputs if query.wants_inputs else {},
            cpu_ms=(time.thread_time() - started_s) * 1000.0,
        )
