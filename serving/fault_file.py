"""Faults an arm obeys in a live simulation: ``arms`` of ``DATA_DIR/faults.json``.

Only read where the settings enable faults. A missing file is no fault; a broken one is an error
in the log and no fault.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

FAULTS_FILE = "faults.json"
CHECK_EVERY_S = 0.1
_log = logging.getLogger(__name__)


class ArmFault(BaseModel):
    """``share`` of the answers are delayed, ``error_share`` of them raise."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    delay_ms: Annotated[float, Field(ge=0.0, le=600_000.0)] = 0.0
    share: Annotated[float, Field(ge=0.0, le=1.0)] = 1.0
    error_share: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0


class _Document(BaseModel):
    model_config = ConfigDict(extra="ignore")
    arms: dict[str, ArmFault] = {}


class InjectedError(Exception):
    """The error a simulated fault raises inside an arm."""


class FaultFile:
    """Re-read when it changed, looked at no more than every 100 ms of ``now_s``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._looked_at_s = float("-inf")
        self._stamp: tuple[int, int] | None = None
        self._faults: dict[str, ArmFault] = {}

    def of(self, arm: str, now_s: float) -> ArmFault | None:
        if now_s - self._looked_at_s >= CHECK_EVERY_S:
            self._looked_at_s = now_s
            self._look()
        return self._faults.get(arm)

    def _look(self) -> None:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            self._stamp, self._faults = None, {}
            return
        stamp = (status.st_mtime_ns, status.st_size)
        if stamp == self._stamp:
            return
        try:
            self._faults = _Document.model_validate_json(self._path.read_bytes()).arms
        except (OSError, ValidationError) as error:
            _log.error("%s: no faults are obeyed: %s", self._path, error)
            self._faults = {}
        self._stamp = stamp
