"""The rows workers publish: what became of work, and which model versions there are."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from controller.core.plan import Plan
from models.errors import ModelError
from models.registry import Registry
from serving.replica_report import MODEL_EVERY_S, model_row
from serving.workers.finished import Status

LOG = logging.getLogger(__name__)


def work_row(status: Status, worker_id: str, now_s: float) -> dict[str, Any]:
    """A row of `.work`."""
    return {
        "at_s": now_s,
        "work_id": status.work_id,
        "kind": status.kind,
        "status": status.status,
        "detail": status.detail,
        "version": status.version,
        "worker_id": worker_id,
    }


class ModelRows:
    """Rows of `.model`: a candidate at once, and every version in use again each 30 s."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._said_s: dict[tuple[str, str, str], float] = {}

    def due(self, plan: Plan, statuses: Iterable[Status], now_s: float) -> list[dict[str, Any]]:
        """Rows to publish now. A version that cannot be read is logged, not published."""
        candidates = {status.version for status in statuses if status.version}
        wanted: list[tuple[str, str | None, str]] = [
            (version, None, "candidate") for version in sorted(candidates)
        ]
        wanted += [(self._name(arm, a.version), arm, "serving") for arm, a in plan.arms.items()]
        rows = [self._row(version, arm, status, now_s) for version, arm, status in wanted]
        return [row for row in rows if row is not None]

    def _name(self, arm: str, version: str) -> str:
        return (self._registry.latest(arm) or "") if version == "latest" else version

    def _row(
        self, version: str, arm: str | None, status: str, now_s: float
    ) -> dict[str, Any] | None:
        key = (version, arm or "", status)
        if not version or now_s < self._said_s.get(key, float("-inf")) + MODEL_EVERY_S:
            return None
        self._said_s[key] = now_s
        try:
            manifest = self._registry.manifest(version)
        except ModelError as error:
            LOG.warning("%s", error)
            return None
        row = model_row(manifest, arm or manifest.arm, self._registry.uri(version))
        return row | {"at_s": now_s, "status": status}
