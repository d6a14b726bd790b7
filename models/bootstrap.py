"""The first models of a service: without them nothing can be served.

Takes plain paths and times, so that whoever starts the service needs nothing but a folder.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from pathlib import Path

import pyarrow as pa

from models.artifact import Trained
from models.errors import NoInteractions
from models.interactions import read_interactions
from models.registry import Registry
from models.train import TooLittle, train_factorization, train_popularity

ARTIFACTS = "artifacts"
INTERACTIONS = "interactions"
Train = Callable[[pa.Table], Trained | TooLittle]


def bootstrap(
    data_dir: Path,
    now_s: float,
    seed: int,
    *,
    primary_arm: str = "primary",
    fallback_arm: str = "fallback",
    without: Container[str] = (),
) -> dict[str, str]:
    """Arm → version, training and registering what is not registered yet; ``without`` these arms.

    Raise NoInteractions when there is too little to learn from; then nothing is registered.
    """
    registry = Registry(data_dir / ARTIFACTS)
    found = {arm: registry.latest(arm) for arm in (fallback_arm, primary_arm) if arm not in without}
    if all(found.values()):
        return {arm: version for arm, version in found.items() if version is not None}
    table = read_interactions(data_dir / INTERACTIONS)
    if not len(table):
        raise NoInteractions(f"{data_dir / INTERACTIONS}: no interactions to learn from")
    trainers: dict[str, Train] = {
        fallback_arm: lambda rows: train_popularity(rows, seed=seed),
        primary_arm: lambda rows: train_factorization(rows, seed=seed),
    }
    trained = {arm: trainers[arm](table) for arm, version in found.items() if version is None}
    versions = {arm: version for arm, version in found.items() if version is not None}
    for result in trained.values():
        if isinstance(result, TooLittle):
            raise NoInteractions(f"{data_dir / INTERACTIONS}: {result}")
    for arm, result in trained.items():
        if isinstance(result, Trained):
            versions[arm] = registry.register(result, arm=arm, now_s=now_s)
    return versions
