"""Stale or shifted features lower the CTR of simulated users.

The closed world in virtual time: users, a factorization trained on their history, and the
pipeline's feature state, sync and faults. Only transport is left out: no HTTP, bus or Redis.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.bootstrap import bootstrap
from models.interactions import write_rows
from models.recommender import FeatureValues, Recommender
from models.registry import Registry
from serving.features import ITEM_HOUR, USER_RECENT, FeatureWrite
from serving.pipeline.feature_faults import FaultFile
from serving.pipeline.feature_state import FeatureState
from serving.pipeline.feature_sync import FeatureSync
from serving.pipeline.joiner import Click
from serving.routing.identity import hash_user
from simulator.population import Population, from_ratings, generated
from simulator.population.crowd import Crowd, Visit
from simulator.population.history import history

START_S = 1_700_000_000.0
HISTORY_HOURS = 12.0
KEY = b"a key"
RATE_PER_S = 4.0
DAY_S = 86_400.0
WARM_S = 900.0
"""All conditions share this beginning; then the fault comes."""
PAUSE_S = 4_500.0
"""Nobody comes for this long: what is frozen is of another hour then."""
SETTLE_S = 300.0
MEASURED_S = 900.0
END_S = WARM_S + SETTLE_S + MEASURED_S
SYNC_S = 3.0
Z_LEAST = 3.0
FAULTS: Mapping[str, Mapping[str, object]] = {
    "fresh": {},
    "stale user_recent": {"frozen_groups": [USER_RECENT]},
    "stale item_hour": {"frozen_groups": [ITEM_HOUR]},
    "shifted user_recent": {"shifted_groups": {USER_RECENT: 1.0}},
    "shifted item_hour": {"shifted_groups": {ITEM_HOUR: 5.0}},
}


@dataclass(slots=True)
class Store:
    """A feature store that is always there."""

    recent: dict[int, tuple[str, ...]] = field(default_factory=dict)
    item_hour: Mapping[str, float] = field(default_factory=dict)

    def holds_our_last_write(self) -> bool:
        return True

    def write(self, change: FeatureWrite) -> None:
        self.recent |= {user: tuple(items) for user, items in change.recent.items()}
        if change.item_hour is not None:
            self.item_hour = dict(change.item_hour)


@dataclass(frozen=True, slots=True)
class Measured:
    """``clicks`` on each slate, (slates,)."""

    clicks: NDArray[np.int64]

    def __repr__(self) -> str:
        clicked = (self.clicks > 0).mean()
        return f"{clicked:.3f} of {len(self.clicks)} clicked, {self.clicks.mean():.3f} clicks each"

    def z_above(self, other: Measured) -> float:
        """One-sided z that our clicks per slate are more. Slates are the units: clicks on one
        slate depend on each other."""
        spread = sum(each.clicks.var() / len(each.clicks) for each in (self, other))
        return float((self.clicks.mean() - other.clicks.mean()) / np.sqrt(spread))


class Service:
    """A crowd, a model, and the features in between, as of one moment."""

    def __init__(self, population: Population, model: Recommender, day: int) -> None:
        self._population = population
        self._model = model
        self._user_ids = [hash_user(KEY, user) for user in population.user_ids]
        self._crowd = Crowd(population, 5 + day, {})
        self._start_s = START_S + day * DAY_S
        self._state = FeatureState()
        self._store = Store()
        self._sync = FeatureSync(self._state, self._store)
        self._clicks: list[Click] = []
        self._synced_at_s = -np.inf

    def visits(self) -> Iterator[Visit]:
        return self._crowd.visits(RATE_PER_S)

    def serve(self, visits: Sequence[Visit], faults: FaultFile, pause_s: float = 0.0) -> list[int]:
        """Clicks on each slate."""
        return [
            self._serve(visit, self._start_s + visit.offset_s + pause_s, faults) for visit in visits
        ]

    def _serve(self, visit: Visit, at_s: float, faults: FaultFile) -> int:
        if at_s >= self._synced_at_s + SYNC_S:
            self._synced_at_s = at_s
            self._state.add(self._clicks)
            self._clicks = []
            assert self._sync.sync(at_s, at_s, faults.read()) is not None
        user = self._user_ids[visit.user]
        features = FeatureValues(self._store.recent.get(user, ()), self._store.item_hour)
        slate = self._model.recommend(user, 10, features).item_ids
        self._state.learn_items(slate)
        look = self._crowd.look(visit, [self._population.item_index[item] for item in slate], at_s)
        self._clicks += [Click(user, slate[position], at_s) for position in look.clicked]
        return len(look.clicked)


def measured(
    population: Population, folder: Path, faults: Sequence[str], days: int
) -> dict[str, Measured]:
    """What users clicked while each fault held, everything else being the same.

    What trends is luck of the day, so the same model is watched on several.
    """
    table = history(population, 1, HISTORY_HOURS, START_S, key=KEY)
    write_rows(folder / "interactions", "history-1.parquet", table)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("models.reference.REQUESTS_LIMIT", 1_000)  # slow, and not looked at here
        version = bootstrap(folder, START_S, seed=1)["primary"]
    model = Registry(folder / "artifacts").load(version)
    clicks: dict[str, list[int]] = {fault: [] for fault in faults}
    for day in range(days):
        service = Service(population, model, day)
        visits = list(takewhile(lambda visit: visit.offset_s < END_S, service.visits()))
        warm = sum(visit.offset_s < WARM_S for visit in visits)
        settled = sum(visit.offset_s < WARM_S + SETTLE_S for visit in visits)
        service.serve(visits[:warm], FaultFile(None))
        for fault in faults:
            path = folder / "faults.json"
            path.write_text(json.dumps({"features": FAULTS[fault]}))
            slates = copy.deepcopy(service).serve(visits[warm:], FaultFile(path), PAUSE_S)
            clicks[fault] += slates[settled - warm :]
    return {fault: Measured(np.array(counts)) for fault, counts in clicks.items()}


@pytest.fixture(scope="module")
def of_generated(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Measured]:
    return measured(generated(1), tmp_path_factory.mktemp("generated"), list(FAULTS), days=3)


@pytest.fixture(scope="module")
def of_movielens(
    tmp_path_factory: pytest.TempPathFactory, movielens_ratings: Path
) -> dict[str, Measured]:
    faults = ["fresh", "stale user_recent", "shifted user_recent"]
    return measured(
        from_ratings(movielens_ratings), tmp_path_factory.mktemp("movielens"), faults, days=2
    )


@pytest.mark.parametrize("fault", [name for name in FAULTS if name != "fresh"])
def test_stale_or_shifted_features_lower_the_ctr_of_generated_users(
    of_generated: dict[str, Measured], fault: str
) -> None:
    assert of_generated["fresh"].z_above(of_generated[fault]) > Z_LEAST, of_generated


@pytest.mark.parametrize("fault", ["stale user_recent", "shifted user_recent"])
def test_stale_or_shifted_recent_items_lower_the_ctr_of_movielens_users(
    of_movielens: dict[str, Measured], fault: str
) -> None:
    assert of_movielens["fresh"].z_above(of_movielens[fault]) > Z_LEAST, of_movielens
