"""From bus messages to what the controller learns: tallies, router heads, facts in waiting.

Every message is either used, a counted duplicate, or counted and kept in a dead-letter topic;
none of them can stop the loop.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from controller.core.causes import Cause, Event, Verdict
from controller.core.facts import Change, Operator, WorkDone
from controller.core.readings import Reading, SignalKey
from controller.ports import BusWriter, Message, Partition, Position
from controller.shell.router_heads import RouterHeads
from controller.telemetry.batches import BrokenBatch, TelemetryBatch, decode
from controller.telemetry.ledger import Ledger
from controller.telemetry.schema import (
    DEAD_LETTER_SUFFIX,
    MODEL,
    OPERATOR,
    REPLICA,
    TALLY,
    TALLY_TOPICS,
    WORK,
)
from controller.telemetry.tally_log import ACCEPTED, NotATallyMessage, encode

LOG = logging.getLogger(__name__)
WAITING_MAX = 1_000
"""Facts kept for the next tick. Commands are repeated by their senders, so a flood loses none."""
FINAL_STATUSES = ("done", "failed", "refused")

News = Operator | WorkDone | Change


class Monitors(Protocol):
    """The part of `MonitorSet` the shell uses."""

    def update(self, batch: TelemetryBatch, now_s: float | None = None) -> int: ...
    def note_broken(self, topic: str) -> None: ...
    def want(self, keys: Iterable[SignalKey]) -> None: ...
    def read(self, at_s: float, bus_is_up: bool) -> Mapping[SignalKey, Reading]: ...
    def explain(
        self, keys: Sequence[SignalKey], at_s: float, events: Sequence[Event]
    ) -> tuple[Verdict, tuple[Cause, ...]]: ...
    def snapshot(self) -> bytes: ...
    def restore(self, data: bytes) -> None: ...
    def take_tallies(self, message: Message) -> bool: ...
    def told_workers(self) -> tuple[dict[str, Any], bytes]: ...


class Intake:
    """Feeds ``monitors``, ``heads`` and ``take_news`` from messages of one service."""

    def __init__(
        self, service: str, monitors: Monitors, ledger: Ledger, dead_letters: BusWriter
    ) -> None:
        self.heads = RouterHeads()
        self.counts: Counter[str] = Counter()
        self.broken: Counter[str] = Counter()
        self._service = service
        self._monitors = monitors
        self._ledger = ledger
        self._dead_letters = dead_letters
        self._waiting: list[dict[str, Any]] = []
        self._hears_workers = False
        self._told = 0

    def take(self, messages: Sequence[Message], now_s: float) -> None:
        """Use each message once."""
        for message in messages:
            if message.topic == TALLY:
                self._take_tallies(message)
                continue
            batch = decode(message)
            if isinstance(batch, BrokenBatch):
                self._bury(message, batch)
            elif batch.service not in ("", self._service):
                self.counts["foreign"] += 1
            elif batch.topic in TALLY_TOPICS:  # the monitors drop what they have seen
                self.counts["taken"] += 1
                self.counts["rows_refused"] += self._monitors.update(batch, now_s)
                if batch.topic == REPLICA:
                    self.heads.update(batch.part or batch.batch)
            elif self._ledger.admit(batch):
                self.counts["taken"] += 1
                self._keep(batch)
            else:
                self.counts["duplicate"] += 1

    def _take_tallies(self, message: Message) -> None:
        self._hears_workers = True
        try:
            if self._monitors.take_tallies(message):
                self.counts["tallies"] += 1
        except NotATallyMessage as error:
            self.broken[message.topic] += 1
            LOG.warning("tally log at %d: %s", message.offset, error)

    def tell_workers(self, sender: str, read: Mapping[Partition, Position]) -> None:
        """Say in the log what was accepted of it, so that workers can start from here.

        ``read`` is how far everything is read; workers go on from there with `model`.
        """
        if not self._hears_workers:
            return
        accepted, models = self._monitors.told_workers()
        places = [[*p, at.topic_id, at.offset] for p, at in read.items() if p[0] == MODEL]
        self._told += 1
        head = {"accepted": accepted, "models_read": places}
        for value, headers in encode(ACCEPTED, self._service, sender, self._told, head, models):
            if not self._dead_letters.send(TALLY, value, headers=headers, partition=0):
                self.counts["tellings_refused"] += 1

    def take_news(
        self, at_s: float, wanted: frozenset[str], next_seq: Callable[[], int]
    ) -> list[News]:
        """Facts since the last tick, in order of arrival, stamped with this tick's time."""
        waiting, self._waiting = self._waiting, []
        facts = (_fact(row, at_s, wanted, next_seq) for row in waiting)
        return [fact for fact in facts if fact is not None]

    def forget_news(self) -> None:
        """Nobody leads: commands and final work statuses are repeated by their senders."""
        self._waiting.clear()

    def _keep(self, batch: TelemetryBatch) -> None:
        for row in batch.batch.to_pylist():
            if len(self._waiting) < WAITING_MAX:
                self._waiting.append({**row, "topic": batch.topic})
            else:
                self.counts["news_refused"] += 1

    def _bury(self, message: Message, broken: BrokenBatch) -> None:
        self.broken[message.topic] += 1
        self._monitors.note_broken(message.topic)
        LOG.warning("broken message at %s: %s", broken.place, broken.reason)
        headers = {**message.headers, "reason": broken.reason, "place": broken.place}
        kept = self._dead_letters.send(
            message.topic + DEAD_LETTER_SUFFIX, message.value, headers=headers, key=message.key
        )
        if not kept:
            self.counts["dead_letters_refused"] += 1


def _fact(
    row: Mapping[str, Any], at_s: float, wanted: frozenset[str], next_seq: Callable[[], int]
) -> News | None:
    """None for rows that say nothing new: work still running, or no longer wanted."""
    if row["topic"] == OPERATOR:
        return _operator(row, at_s, next_seq)
    if row["topic"] == WORK:
        if row["status"] not in FINAL_STATUSES or row["work_id"] not in wanted:
            return None
        return WorkDone(
            next_seq(),
            at_s,
            row["work_id"],
            row["kind"] or "",
            row["status"],
            row["detail"] or "",
            row["version"],
        )
    return Change(next_seq(), at_s, row["kind"] or "", row["what"] or "", row["who"] or "")


def _operator(row: Mapping[str, Any], at_s: float, next_seq: Callable[[], int]) -> Operator | None:
    if not row["command_id"] or not row["verb"]:
        return None
    expires_at_s = row["expires_at_s"] or 0.0
    return Operator(
        next_seq(),
        at_s,
        row["command_id"],
        row["who"] or "unknown",
        row["verb"],
        row["target"] or "",
        expires_at_s,
    )
