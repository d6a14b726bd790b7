"""Models loaded in this process, by arm: a router's in-process arms, or the one of a replica.

Loading blocks on the disk and happens off the event loop; a version is warmed before it is
swapped in, and one that cannot be loaded leaves the loaded one in place.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping

from models.errors import ModelError
from models.own_recommender import BadRecommender, make_recommender
from models.recommender import FeatureValues, Recommender
from models.registry import Registry
from serving.arm_call import ArmAnswer, ArmQuery

LATEST = "latest"
NO_FEATURES = FeatureValues()
_WARM_UP_ANSWERS = 3
_log = logging.getLogger(__name__)


class LoadedModels:
    """``load`` may run in a thread while ``answer`` is called: versions are swapped whole."""

    def __init__(
        self,
        registry: Registry,
        arms: Iterable[str],
        made: Mapping[str, Callable[[], object]] | None = None,
    ) -> None:
        self._registry = registry
        self._made = made or {}
        """Arms whose one recommender is made here, whatever version is wanted."""
        self._arms = tuple(dict.fromkeys(arms))
        self._loaded: dict[str, Recommender] = {}
        self._refused: dict[str, str] = {}
        self._spent: dict[str, tuple[int, float]] = {}

    def load(self, wanted: Mapping[str, str]) -> tuple[str, ...]:
        """Load what is wanted, by arm: a version or ``latest``. Return the arms that changed."""
        changed = []
        for arm in self._arms:
            if arm in self._made:
                if arm not in self._loaded and self._swap_in(arm, arm, self._make):
                    changed.append(arm)
                continue
            version = wanted.get(arm, LATEST)
            if version == LATEST:
                version = self._registry.latest(arm) or ""
            held = self._loaded.get(arm)
            is_held = held is not None and held.version == version
            if not version or is_held or self._refused.get(arm) == version:
                continue
            if self._swap_in(arm, version, self._registry.load):
                self._refused.pop(arm, None)
                changed.append(arm)
            else:
                self._refused[arm] = version
        return tuple(changed)

    def _swap_in(self, arm: str, name: str, fresh_of: Callable[[str], Recommender]) -> bool:
        """Get, warm and serve it; False, with the reason logged, leaves what is served."""
        try:
            fresh = fresh_of(name)
            _warm(fresh)
        except ModelError as error:
            _log.error("arm %s keeps its version: %s", arm, error)
            return False
        self._loaded[arm] = fresh
        _log.info("arm %s serves %s", arm, fresh.version)
        return True

    def _make(self, arm: str) -> Recommender:
        return make_recommender(self._made[arm])

    def __contains__(self, arm: object) -> bool:
        return arm in self._loaded

    def version(self, arm: str) -> str:
        """Empty while nothing is loaded."""
        held = self._loaded.get(arm)
        return held.version if held is not None else ""

    def spent(self, arm: str) -> tuple[int, float]:
        """How many slates ``answer`` gave so far, and the processor's seconds they took."""
        return self._spent.get(arm, (0, 0.0))

    def answer(self, arm: str, query: ArmQuery, features: FeatureValues = NO_FEATURES) -> ArmAnswer:
        """A slate from memory. Raise KeyError while nothing is loaded for the arm."""
        answer = self.recommend(arm, query, features)
        answers, cpu_s = self.spent(arm)
        self._spent[arm] = answers + 1, cpu_s + (answer.cpu_ms or 0.0) / 1000.0
        return answer

    def recommend(
        self, arm: str, query: ArmQuery, features: FeatureValues = NO_FEATURES
    ) -> ArmAnswer:
        """As ``answer``, for nobody: it is not counted as spent."""
        model = self._loaded[arm]
        started_s = time.thread_time()
        scored = model.recommend(query.user_hash, query.k, features)
        return ArmAnswer(
            item_ids=scored.item_ids,
            scores=scored.scores,
            version=model.version,
            inputs=scored.inputs if query.wants_inputs else {},
            cpu_ms=(time.thread_time() - started_s) * 1000.0,
            contributions=scored.contributions if query.wants_inputs else {},
            diversity=scored.diversity,
        )


def _warm(fresh: Recommender) -> None:
    """Raise BadRecommender for one that fails a user it does not know: it would fail them all."""
    for user in range(_WARM_UP_ANSWERS):
        try:
            fresh.recommend(user, 10, NO_FEATURES)
        except Exception as error:
            raise BadRecommender(f"{fresh.version} fails an unknown user: {error!r}") from error
