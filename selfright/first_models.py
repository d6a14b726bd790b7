"""The models a fresh stack starts with: trained from a ratings file, or from a generated world."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq

from controller.errors import BadInput
from controller.settings import Settings
from models.errors import ModelError
from models.registry import Registry
from simulator.population import from_ratings, generated
from simulator.population.history import history

HISTORY_HOURS = 24.0


def ensure_models(
    settings: Settings,
    *,
    ratings: Path | None,
    token_key: bytes,
    now_s: float,
    seed: int,
    say: Callable[[str], None],
) -> None:
    """Register a version for each arm that has none, from the interactions at hand.

    Arms with a url or a recommender of the user's own are left to the user.

    Where there are no interactions yet, a day of history is made first: from ``ratings``
    (MovieLens layout), else by the built-in generator. Raises BadInput for a malformed file.
    """
    registry = Registry(settings.data_dir / "artifacts")
    theirs = frozenset(name for name, arm in settings.arms.items() if arm.url or arm.recommender)
    if all(name in theirs or registry.latest(name) for name in settings.arms):
        return
    from models.bootstrap import bootstrap  # noqa: PLC0415  (trains: a second to import)

    interactions = settings.data_dir / "interactions"
    if not any(interactions.glob("**/*.parquet")):
        say(f"making a day of history from {ratings or 'the built-in generator'}")
        people = from_ratings(ratings, seed=seed) if ratings else generated(seed=seed)
        table = history(people, seed=seed, hours=HISTORY_HOURS, now_s=now_s, key=token_key)
        interactions.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, interactions / "history.parquet")
    say("training the first models")
    try:
        versions = bootstrap(settings.data_dir, now_s=now_s, seed=seed, without=theirs)
    except ModelError as error:
        raise BadInput(str(error)) from None
    for arm, version in versions.items():
        say(f"registered {version} for arm {arm}")
