"""A chain of commits as the shell makes them, and what a store should then hold."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from controller.ports import GENESIS, Commit, PlanStore, Stored


@dataclass
class Chain:
    """Makes commits whose records carry hashes, as the shell's do."""

    holder: str = "a"
    epoch: int = 10
    head: str = GENESIS
    revision: int = 0

    def next(self, records: int = 2, note: str = "") -> Commit:
        """The commit after ``head``; call ``accept`` when it was published."""
        sealed: list[bytes] = []
        head = self.head
        for number in range(records):
            body = {"id": f"{self.epoch}-{self.revision + 1}-{number}", "note": note}
            new_head = sha256((head + json.dumps(body)).encode()).hexdigest()
            sealed.append(json.dumps(body | {"prev_hash": head, "hash": new_head}).encode())
            head = new_head
        revision = self.revision + 1
        plan = json.dumps({"revision": revision, "head": head}).encode()
        state = json.dumps({"state": revision}).encode()
        return Commit(
            self.holder, self.epoch, revision, self.head, head, tuple(sealed), plan, state
        )

    def accept(self, commit: Commit) -> None:
        self.head, self.revision = commit.head, commit.revision


def stored_of(commit: Commit) -> Stored:
    return Stored(commit.head, commit.plan, commit.state, commit.epoch, commit.revision)


def log_of(store: PlanStore) -> list[bytes]:
    return [record for _, record in store.records()]


def publish(store: PlanStore, chain: Chain, count: int = 1) -> Sequence[Commit]:
    """Commit ``count`` times under a fresh lease."""
    assert store.lease(chain.holder, chain.epoch, 60.0)
    commits = []
    for _ in range(count):
        commit = chain.next()
        assert store.commit(commit) == "published"
        chain.accept(commit)
        commits.append(commit)
    return commits
