"""Retraining: from the interactions of a span to a registered candidate, once per work id.

The order is plain data, so that it can travel to another process or machine.
"""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa

from controller.core.plan import Plan, Work
from models.artifact import Trained
from models.errors import ModelError
from models.factorization import Factorization
from models.interactions import read_interactions
from models.popularity import Popularity
from models.registry import Registry
from models.train import TooLittle, train_factorization, train_popularity
from serving.workers.results import Done, Failed, Refused, Result, Stopping

DATA_S = 86_400.0
"""Span of interactions where the work names none."""


@dataclass(frozen=True, slots=True)
class RetrainOrder:
    """What to train, from what, and where to register it. Paths are absolute."""

    work_id: str
    arm: str
    kind: str
    parent: str
    interactions: str
    registry: str
    from_s: float
    to_s: float
    seed: int

    def to_text(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> RetrainOrder:
        return cls(**json.loads(text))


Learn = Callable[[RetrainOrder], Trained | TooLittle]
Fulfil = Callable[[RetrainOrder, Stopping], Result]


def learn(order: RetrainOrder) -> Trained | TooLittle:
    """Read the span and train, here. Deterministic by data and seed."""
    table: pa.Table = read_interactions(Path(order.interactions), order.from_s, order.to_s)
    if order.kind == Popularity.kind:
        return train_popularity(table, seed=order.seed)
    return train_factorization(table, seed=order.seed)


def fulfil(order: RetrainOrder, learn_it: Learn = learn) -> Result:
    """Train and register; a work id that is registered already is not trained again."""
    registry = Registry(Path(order.registry))
    existing = registry.by_work(order.work_id)
    if existing is not None:
        return Done("was registered before", existing)
    trained = learn_it(order)
    if isinstance(trained, TooLittle):
        return Refused(str(trained))
    version = registry.register(
        trained, arm=order.arm, now_s=order.to_s, parent=order.parent, work_id=order.work_id
    )
    clicks = int(trained.data["clicks"])
    return Done(f"candidate {version} from {clicks} clicks", version)


class Retrain:
    """The task. ``fulfil_order`` decides where it runs (on Ray, or here)."""

    def __init__(
        self,
        data_dir: Path,
        fulfil_order: Fulfil,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._interactions = data_dir / "interactions"
        self._registry_path = data_dir / "artifacts"
        self._fulfil = fulfil_order
        self._now_s = now_s

    def __call__(self, work: Work, plan: Plan, stopping: Stopping) -> Result:
        arm = work.arguments.get("arm")
        data_s = work.arguments.get("data_s", DATA_S)
        if not isinstance(arm, str) or arm not in plan.arms:
            return Refused(f"arm {arm!r} is not one of {', '.join(sorted(plan.arms))}")
        if not isinstance(data_s, int | float) or not data_s > 0:
            return Refused(f"data_s is {data_s!r}, not a number of seconds above 0")
        parent, kind = self._parent(arm, plan.arms[arm].version)
        now_s = self._now_s()
        order = RetrainOrder(
            work_id=work.id,
            arm=arm,
            kind=kind,
            parent=parent,
            interactions=str(self._interactions.resolve()),
            registry=str(self._registry_path.resolve()),
            from_s=now_s - data_s,
            to_s=now_s,
            seed=zlib.crc32(work.id.encode()),
        )
        return self._fulfil(order, stopping)

    def _parent(self, arm: str, version: str) -> tuple[str, str]:
        """(version served now, its kind); where it cannot be read, factorization."""
        registry = Registry(self._registry_path)
        name = registry.latest(arm) if version == "latest" else version
        try:
            return (name, registry.manifest(name).kind) if name else ("", Factorization.kind)
        except ModelError:
            return name or "", Factorization.kind


def fulfil_here(order: RetrainOrder, stopping: Stopping) -> Result:
    """Without Ray, in this process: for tests and for machines of one program."""
    if stopping():
        return Failed("stopped before it began")
    return fulfil(order)
