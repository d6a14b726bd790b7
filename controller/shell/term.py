"""One term of leadership: facts in, journal first, then the judge, then one atomic commit.

A term ends for good on the first commit that is refused, behind or unreachable: its state is
dropped, and a new term starts from what the store then holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from controller.core.facts import Fact, Fate
from controller.core.plan import Plan, plan_to_document
from controller.core.records import Record, record_to_document
from controller.core.state import JudgeState, state_from_document, state_to_document
from controller.core.step import Stepped, step
from controller.ports import Commit, CommitFate, PlanStore
from controller.shell.canonical import canonical_bytes, stable
from controller.shell.journal import FactLog
from controller.shell.seal import seal

STATE_BYTES_MAX = 256 * 1024


@dataclass(frozen=True, slots=True)
class Committed:
    """What one fact led to; ``fate`` is the store's word on it."""

    fate: CommitFate
    records: tuple[Record, ...]
    commit: Commit
    plan: Plan


class Term:
    """``head`` is the log's head this term builds on. Not leading before `Elected` is published."""

    def __init__(
        self,
        state: JudgeState,
        head: str,
        holder: str,
        epoch: int,
        journal: FactLog,
        store: PlanStore,
    ) -> None:
        self.state = state
        self.head = head
        self.holder = holder
        self.epoch = epoch
        self.plan: Plan | None = None
        self.ended: CommitFate | None = None
        self.last: Committed | None = None
        self._journal = journal
        self._store = store
        self._seq = 0

    def begin(self, at_s: float) -> None:
        """Start a journal segment from the state as a replay will read it."""
        document = stable(state_to_document(self.state))
        self._journal.begin(at_s, segment_header(document, self.head, self.holder, self.epoch))
        self.state = state_from_document(document)

    def next_seq(self) -> int:
        """Facts are numbered within a term."""
        self._seq += 1
        return self._seq

    def take(self, fact: Fact) -> Committed | None:
        """Step one fact; None when it changed nothing that others may see."""
        assert self.ended is None, "a term that ended takes no facts"
        stepped = self._step(fact)
        if stepped.plan is None:
            return None
        committed = self.last = self._commit(stepped.records, stepped.plan)
        self._learn(committed, fact.at_s)
        if self._journal.is_full() and self.ended is None:
            self.begin(fact.at_s)
        return committed

    def _step(self, fact: Fact) -> Stepped:
        stepped = step(self.state, self._journal.write(fact))
        self.state = stepped.state
        return stepped

    def _commit(self, records: tuple[Record, ...], plan: Plan) -> Committed:
        sealed = seal([record_to_document(record) for record in records], self.head)
        published = replace(plan, head=sealed.head)
        commit = Commit(
            holder=self.holder,
            epoch=self.epoch,
            revision=plan.revision,
            prev_head=self.head,
            head=sealed.head,
            records=sealed.lines,
            plan=canonical_bytes(plan_to_document(published)),
            state=canonical_bytes(state_to_document(self.state)),
        )
        self._journal.flush()
        return Committed(self._store.commit(commit), records, commit, published)

    def _learn(self, committed: Committed, at_s: float) -> None:
        """The fate is the next fact stepped, and causes no commit itself."""
        fate = Fate(self.next_seq(), at_s, committed.fate, committed.commit.head)
        assert not self._step(fate).records, "the fate of a commit causes no commit"
        if committed.fate in ("published", "not_published"):
            self.head = committed.commit.head
            self.plan = committed.plan
        else:
            self.ended = committed.fate


def segment_header(state: Mapping[str, Any], head: str, holder: str, epoch: int) -> dict[str, Any]:
    """All that a replay needs to begin here."""
    return {"state": state, "head": head, "holder": holder, "epoch": epoch}
