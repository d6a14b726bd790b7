"""All monitors as one thing the shell talks to."""

from __future__ import annotations

from collections.abc import Iterable

from controller.core.readings import Catalogue, Reading, SignalKey
from controller.settings import Settings
from controller.telemetry.batches import TelemetryBatch


def catalogue_of(settings: Settings) -> Catalogue:
    raise NotImplementedError(settings)


class MonitorSet:
    def __init__(self, settings: Settings) -> None:
        self.catalogue = catalogue_of(settings)

    def update(self, batch: TelemetryBatch, now_s: float | None = None) -> int:
        raise NotImplementedError(batch)

    def note_broken(self, topic: str) -> None:
        raise NotImplementedError(topic)

    def want(self, keys: Iterable[SignalKey]) -> None:
        raise NotImplementedError(keys)

    def read(self, at_s: float, bus_is_up: bool) -> dict[SignalKey, Reading]:
        raise NotImplementedError(at_s, bus_is_up)

    def snapshot(self) -> bytes:
        raise NotImplementedError

    def restore(self, data: bytes) -> None:
        raise NotImplementedError(data)
