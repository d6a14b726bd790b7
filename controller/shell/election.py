"""Becoming, staying and ceasing to be the leader. Election is itself a commit.

A candidate waits for the lease, looks at what the store holds only once nobody else can commit,
and leads from less than what routers obey under no circumstances.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from controller.core.facts import Elected, Loaded
from controller.core.state import state_from_document
from controller.core.step import initial_state
from controller.errors import Rejected, WorldError
from controller.ports import GENESIS, PlanStore, Stored
from controller.shell.journal import FactLog
from controller.shell.router_heads import PlanHead
from controller.shell.starting_point import FromStore, LeadNot, RefillFirst, choose
from controller.shell.term import Committed, Term

LEASE_S = 5.0
NO_STORE = "no store"


@dataclass(frozen=True, slots=True)
class Standing:
    """Not leading, and why; ``pages`` when a person must look."""

    role: str
    sentence: str
    pages: bool = False


class LocalCopy(Protocol):
    """{records, plan, state} on this controller's own disk, always after the store took them.

    Leaders and standbys alike follow, so that whichever lives can refill a store that lost them.
    """

    def head(self) -> str: ...

    def stored(self) -> Stored | None:
        """Head, plan and state of the last copied commit; None when there is none."""

    def records(self) -> Sequence[bytes]: ...

    def archived(self) -> str:
        """Hash of the newest record that moved to the archive; GENESIS when none did."""

    def follow(self, records: Sequence[bytes], stored: Stored) -> None:
        """Add what the store has just taken."""

    def catch_up(self, store: PlanStore) -> int:
        """Add whatever the store has and the copy lacks. Raise Unavailable."""


class Election:
    """One candidate. ``loaded`` makes the `Loaded` fact that every term begins with."""

    def __init__(
        self,
        holder: str,
        store: PlanStore,
        copy: LocalCopy,
        journal: FactLog,
        loaded: Callable[[int, float], Loaded],
    ) -> None:
        self.holder = holder
        self._store = store
        self._copy = copy
        self._journal = journal
        self._loaded = loaded
        self._trimmed_to = GENESIS

    def attempt(self, at_s: float, routers: PlanHead | None, heard: bool) -> Term | Standing:
        """One try. What the world refuses is a standing, not an error."""
        try:
            return self._attempt(at_s, routers, heard)
        except WorldError as error:
            refused = isinstance(error, Rejected)
            return Standing(NO_STORE, f"nobody leads without a plan store: {error}", refused)
        except OSError as error:  # facts come first on disk; without a disk nobody may act
            return Standing("candidate", f"the disk failed: {error}", pages=True)

    def stays(self, term: Term) -> Standing | None:
        """Renew the lease and see that the store still holds our head. None: go on leading.

        Raise WorldError; who leads may wait that out for as long as the lease would last.
        """
        if not self._store.lease(self.holder, term.epoch, LEASE_S):
            return Standing("standby", "another controller holds the lease")
        stored = self._store.load()
        if stored is None or stored.head != term.head:
            return Standing("candidate", "the store no longer holds what was committed last")
        return None

    def resign(self, term: Term) -> None:
        """Give the lease up, as far as the store can be reached."""
        try:
            self._store.release(self.holder, term.epoch)
        except WorldError:
            return  # the lease ends by itself

    def follow(self, committed: Committed) -> None:
        """Copy what the store has just taken from us."""
        commit = committed.commit
        if self._copy.head() == commit.prev_head:
            stored = Stored(commit.head, commit.plan, commit.state, commit.epoch, commit.revision)
            self._copy.follow(commit.records, stored)
        else:
            self.catch_up()
        self._trim()

    def catch_up(self) -> None:
        """Copy what the store took since, from whomever. Raise Unavailable."""
        stored, copied = self._store.load(), self._copy.stored()
        if stored is None or (copied is not None and _position(stored) <= _position(copied)):
            return  # a store that has less needs refilling, not following
        self._copy.catch_up(self._store)

    def _trim(self) -> None:
        """Let the store's log begin where this disk's does, once the rest is archived here."""
        archived = self._copy.archived()
        if archived != self._trimmed_to:
            self._store.trim(archived)
            self._trimmed_to = archived

    def _attempt(self, at_s: float, routers: PlanHead | None, heard: bool) -> Term | Standing:
        point = choose(self._store.load(), self._copy.stored(), routers, heard)
        if isinstance(point, LeadNot):
            return Standing("candidate", point.sentence, point.pages)
        if isinstance(point, RefillFirst):
            return self._refill(point)
        return self._stand(at_s, point, routers)

    def _refill(self, point: RefillFirst) -> Standing:
        if self._store.refill(self._copy.records(), point.copy):
            return Standing("candidate", point.sentence)
        return Standing(
            "candidate",
            "the store and this disk's copy went different ways: a person must choose",
            pages=True,
        )

    def _stand(self, at_s: float, point: FromStore, routers: PlanHead | None) -> Term | Standing:
        known = [point.stored.epoch] if point.stored else []
        known += [routers.epoch] if routers else []
        epoch = max([int(at_s), *(each + 1 for each in known)])
        if not self._store.lease(self.holder, epoch, LEASE_S):
            return Standing("standby", "another controller holds the lease")
        stored = self._store.load()  # only now can nobody else commit
        if (stored and stored.head) != (point.stored and point.stored.head):
            self._store.release(self.holder, epoch)
            return Standing("candidate", "the store moved while the lease was taken")
        return self._elect(at_s, epoch, stored)

    def _elect(self, at_s: float, epoch: int, stored: Stored | None) -> Term | Standing:
        document = None
        if stored is not None and stored.state:
            document = json.loads(stored.state)
            try:
                state_from_document(document)
            except (ValueError, KeyError, TypeError) as error:
                self._store.release(self.holder, epoch)
                sentence = f"the stored state cannot be read by this release: {error}"
                return Standing("candidate", sentence, pages=True)
        head = stored.head if stored else GENESIS
        term = Term(initial_state(), head, self.holder, epoch, self._journal, self._store)
        term.begin(at_s)
        term.take(self._loaded(term.next_seq(), at_s))
        elected = term.take(Elected(term.next_seq(), at_s, epoch, self.holder, document, head))
        assert elected is not None, "election is a commit"
        if term.ended is None:
            return term
        self.resign(term)
        return Standing("candidate", f"the election's commit was {term.ended}")


def _position(stored: Stored) -> tuple[int, int]:
    return (stored.epoch, stored.revision)
