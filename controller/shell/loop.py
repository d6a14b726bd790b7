"""The loop: poll, decode, tally; once a second read, judge and publish. One thread, ports given.

The same loop runs in production (Kafka, Redis, wall clock) and in the simulator (memory, virtual
clock). It never waits for anything but the clock and the bus, and nothing outside can end it.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import Protocol

from controller.core.facts import Change, Loaded, Tick
from controller.core.playbook import Playbook
from controller.core.readings import Readings
from controller.core.settings import JudgeSettings, settings_to_document
from controller.core.step import named_signals, watched_signals
from controller.errors import WorldError
from controller.ports import BusReader, BusWriter, Clock, CommitFate, PlanStore
from controller.shell.allowances import Allowances
from controller.shell.bundle import bundle_sha256
from controller.shell.election import LEASE_S, NO_STORE, Election, LocalCopy, Standing
from controller.shell.explaining import Explaining
from controller.shell.intake import Intake, Monitors
from controller.shell.journal import FactLog
from controller.shell.metrics import Metrics, TickReport
from controller.shell.readings_file import ReadingsSink
from controller.shell.snapshots import Snapshot, SnapshotKeeper
from controller.shell.term import STATE_BYTES_MAX, Committed, Term
from controller.telemetry.ledger import Ledger

LOG = logging.getLogger(__name__)
TICK_S = 1.0
CLOSE_AFTER_S = 0.5
"""A tick's windows close this much after it, so that batches on the way still count."""
POLL_S = 0.1
"""How long to leave a bus alone that had nothing and did not wait for it."""
POLL_MESSAGES_MAX = 500
SNAPSHOT_EVERY_S = 10.0
SAY_AGAIN_S = 30.0
"""A standing that lasts is said again this often."""
LISTEN_S = 3.0
"""An empty store is only believed after listening this long for routers that hold a plan."""


class PlaybookSource(Protocol):
    """The loaded set, and a changed one when there is one. `PlaybookWatch` is the usual one."""

    playbooks: tuple[Playbook, ...]
    trouble: str
    """Why the newest files are not the loaded set; empty while they are."""

    def changed(self) -> tuple[Playbook, ...] | None: ...


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything outside, handed in by who composes the program."""

    reader: BusReader
    dead_letters: BusWriter
    store: PlanStore
    copy: LocalCopy
    clock: Clock
    journal: FactLog
    monitors: Monitors
    ledger: Ledger
    snapshots: SnapshotKeeper
    readings_file: ReadingsSink
    playbooks: PlaybookSource
    metrics: Metrics


class Shell:
    """The controller of one service. ``run_tick`` until told to stop, then ``close``."""

    def __init__(self, settings: JudgeSettings, holder: str, code: str, ports: Ports) -> None:
        self.term: Term | None = None
        self.standing = Standing("candidate", "listening before the first election")
        self.intake = Intake(settings.service, ports.monitors, ports.ledger, ports.dead_letters)
        self.ticks_missed = 0
        self._settings = settings
        self._code = code
        self._ports = ports
        self._explaining = Explaining(settings)
        self._allowances = Allowances(ports.store)
        self._election = Election(holder, ports.store, ports.copy, ports.journal, self._loaded)
        self._tick_s = math.floor(ports.clock.now_s() - CLOSE_AFTER_S)
        self._started_s = self._tick_s
        self._snapshot_due_s = self._tick_s + SNAPSHOT_EVERY_S
        self._renewed_s = float("-inf")
        self._said: tuple[str, float] = ("", float("-inf"))
        self._fates: list[CommitFate] = []
        self._state_bytes = 0
        self._want()

    @property
    def leads(self) -> bool:
        return self.term is not None

    def run_tick(self) -> float:
        """Take messages until the next tick closes, then judge it; the tick's time."""
        # Between two ticks nobody waits for it.
        self._explaining.ask(self._ports.monitors, float(self._tick_s))
        clock, reader = self._ports.clock, self._ports.reader
        closes_s = self._tick_s + TICK_S + CLOSE_AFTER_S
        while (now_s := clock.now_s()) < closes_s:
            messages = reader.poll(closes_s - now_s, POLL_MESSAGES_MAX)
            if messages:
                self.intake.take(messages, clock.now_s())
            else:  # a bus that is gone, or never waits, answers at once; never spin
                clock.sleep_until(min(closes_s, clock.now_s() + POLL_S))
        at_s = math.floor(now_s - CLOSE_AFTER_S)
        self.ticks_missed += round((at_s - self._tick_s) / TICK_S) - 1
        self._tick_s = at_s
        self._tick(float(at_s))
        return float(at_s)

    def close(self) -> None:
        """Give the lease up and keep what was learnt."""
        if self.term is not None:
            self._stop_leading(Standing("stopped", "stopped on request"))
        self._snapshot(float(self._tick_s))
        self._ports.journal.close()

    def _tick(self, at_s: float) -> None:
        fresh = self._ports.playbooks.changed()
        if fresh is not None:
            self._want()
        readings = self._ports.monitors.read(at_s, self._ports.reader.is_up())
        if self.term is None:
            self._try_to_lead(at_s)
        else:
            self._lead(self.term, at_s, readings, reload=fresh is not None)
        if self.term is None and self.standing.role != NO_STORE:
            self._copy(None)
        self._say(at_s)
        self._show(at_s, readings)
        if at_s >= self._snapshot_due_s:
            self._snapshot(at_s)

    def _try_to_lead(self, at_s: float) -> None:
        self.intake.forget_news()
        if at_s - self._started_s < LISTEN_S:
            return
        heard = self._ports.reader.is_up()
        outcome = self._election.attempt(at_s, self.intake.heads.newest(at_s), heard)
        if isinstance(outcome, Term):
            self.term = outcome
            self._note(outcome.last)
            self._renewed_s = at_s
            self.standing = Standing("leader", f"leads epoch {outcome.epoch}")
        else:
            self.standing = outcome

    def _lead(self, term: Term, at_s: float, readings: Readings, *, reload: bool) -> None:
        try:
            lost = self._election.stays(term)
        except WorldError as error:
            if at_s - self._renewed_s >= LEASE_S:
                self._stop_leading(Standing(NO_STORE, f"the lease could not be renewed: {error}"))
            return
        if lost is not None:
            self._stop_leading(lost)
            return
        self._renewed_s = at_s
        try:
            self._judge(term, at_s, readings, reload=reload)
        except OSError as error:  # facts come first on disk; without a disk nobody may act
            self._stop_leading(Standing("candidate", f"the journal failed: {error}", pages=True))
        except WorldError as error:  # the store turned us away in the middle of a commit
            self._stop_leading(Standing(NO_STORE, f"the store refused: {error}", pages=True))

    def _judge(self, term: Term, at_s: float, readings: Readings, *, reload: bool) -> None:
        if reload:
            self._note(term.take(self._loaded(term.next_seq(), at_s)))
        wanted = frozenset(work.id for work in term.plan.wanted) if term.plan else frozenset()
        for news in self.intake.take_news(at_s, wanted, term.next_seq):
            if isinstance(news, Change):
                self._explaining.heard(news)
            if term.ended is None:
                self._note(term.take(news))
        for explained in self._explaining.facts(at_s, term.next_seq):
            if term.ended is None:
                self._note(term.take(explained))
        if term.ended is None:
            for allowance in self._allowances.facts(term.state, at_s, term.next_seq):
                self._note(term.take(allowance))
            self._note(term.take(Tick(term.next_seq(), at_s, readings)))
        if term.ended is not None:
            self._stop_leading(Standing("candidate", f"a commit was {term.ended}"))

    def _note(self, committed: Committed | None) -> None:
        if committed is None:
            return
        self._fates.append(committed.fate)
        self._state_bytes = len(committed.commit.state)
        for record in committed.records:
            LOG.info("%s %s: %s", record.id, committed.fate, record.sentence)
        if committed.fate == "published":
            self._copy(committed)
        if self.term is not None and committed.fate in ("published", "not_published"):
            self._explaining.published(committed.records, self.term.state)
        self._want()
        if self._state_bytes > STATE_BYTES_MAX:
            LOG.error("the state has %d bytes, more than its limit", self._state_bytes)

    def _stop_leading(self, standing: Standing) -> None:
        assert self.term is not None
        self._election.resign(self.term)
        self.term = None
        self._explaining = Explaining(self._settings)
        self.standing = standing

    def _copy(self, committed: Committed | None) -> None:
        """Follow the store: what it took from us (``committed``), or from another leader."""
        try:
            if committed is None:
                self._election.catch_up()
            else:
                self._election.follow(committed)
        except WorldError:
            self.intake.counts["copy_store_unreachable"] += 1
        except OSError as error:
            self.intake.counts["copy_failed"] += 1
            LOG.error("the local copy was not written: %s", error)

    def _say(self, at_s: float) -> None:
        """A standing is said when it changes, and again while a person is needed."""
        sentence, said_s = self._said
        is_old = self.standing.pages and at_s - said_s >= SAY_AGAIN_S
        if self.standing.sentence != sentence or is_old:
            level = logging.ERROR if self.standing.pages else logging.INFO
            LOG.log(level, "%s: %s", self.standing.role, self.standing.sentence)
            self._said = (self.standing.sentence, at_s)

    def _show(self, at_s: float, readings: Readings) -> None:
        ports = self._ports
        ports.readings_file.write(at_s, readings, self.about())
        fates, self._fates = tuple(self._fates), []
        ports.metrics.show(
            TickReport(
                readings=readings,
                leads=self.leads,
                epoch=self.term.epoch if self.term else 0,
                fates=fates,
                worked_s=ports.clock.now_s() - (at_s + CLOSE_AFTER_S),
                ticks_missed=self.ticks_missed,
                broken=dict(self.intake.broken),
                numbers=self.numbers(at_s),
            )
        )

    def about(self) -> dict[str, object]:
        """Who this controller is and where it stands."""
        return {
            "holder": self._election.holder,
            "role": self.standing.role,
            "standing": self.standing.sentence,
            "pages": self.standing.pages,
            "playbooks_refused": self._ports.playbooks.trouble,
            "epoch": self.term.epoch if self.term else None,
        }

    def numbers(self, at_s: float) -> dict[str, float]:
        """The loop's own counts, by metric name."""
        ports = self._ports
        return {
            "heartbeat_at_s": at_s,
            "playbooks_refused": float(bool(ports.playbooks.trouble)),
            "needs_a_person": float(self.standing.pages),
            "state_bytes": self._state_bytes,
            "allowances_unheard": self._allowances.unheard,
            "routers_live": self.intake.heads.live(at_s),
            "partitions_begun_again": ports.reader.recycled,
            "snapshots_failed": ports.snapshots.failed,
            "readings_file_failed": ports.readings_file.failed,
            **{f"messages_{name}": count for name, count in self.intake.counts.items()},
        }

    def _snapshot(self, at_s: float) -> None:
        ports = self._ports
        if ports.snapshots.keeps:
            monitors, ledger = ports.monitors.snapshot(), ports.ledger.snapshot()
            ports.snapshots.save(Snapshot(at_s, ports.reader.positions(), monitors, ledger))
        self._snapshot_due_s = at_s + SNAPSHOT_EVERY_S
        self.intake.tell_workers(self._election.holder, ports.reader.positions())

    def _loaded(self, seq: int, at_s: float) -> Loaded:
        document = settings_to_document(self._settings)
        playbooks = self._ports.playbooks.playbooks
        return Loaded(seq, at_s, playbooks, document, self._code, bundle_sha256(playbooks))

    def _want(self) -> None:
        """Have the readings made that playbooks name, open incidents' own texts included."""
        if self.term is not None:
            named = watched_signals(self.term.state)
        else:
            named = named_signals(self._ports.playbooks.playbooks, self._settings)
        self._ports.monitors.want(named)
