"""The controller's own copy of {records, plan, state} on disk, to refill a Redis that lost them.

It follows the store and never leads it. A step is on disk whole or not at all: what is about to be
true is written beside (``next.json``), then the records, then it takes the old one's place.
What is too old or too much for ``records.jsonl`` goes to the archive first and leaves it then.
"""

from __future__ import annotations

import json
import logging
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from controller.adapters.catching_up import check_step, missing_records
from controller.adapters.log_archive import LogArchive
from controller.adapters.record_hash import hash_of
from controller.atomic_file import sync_folder
from controller.errors import BadInput
from controller.ports import GENESIS, PlanStore, Stored

LOG = logging.getLogger(__name__)
ARCHIVE = "archive"
SLACK = 0.1
"""So much more than is kept may gather before some is archived."""


class LocalCopy:
    """``folder`` holds ``records.jsonl`` and ``stored.json``; both are repaired when opened.

    Raise BadInput when a whole line is no record. ``repairs`` says in sentences what was cut or
    set aside; nothing is ever deleted but lines that belong to no whole step.

    Records older than ``keep_s`` (by the newest record's time), or beyond ``keep_bytes``, move to
    ``archive/``. The newest record stays, whatever its age.
    """

    def __init__(
        self, folder: Path, keep_s: float = math.inf, keep_bytes: float = math.inf
    ) -> None:
        self.repairs: list[str] = []
        self._keep_s, self._keep_bytes = keep_s, keep_bytes
        self._archive = LogArchive(folder / ARCHIVE)
        self._folder = folder
        self._records_file = folder / "records.jsonl"
        self._stored_file = folder / "stored.json"
        self._next_file = folder / "next.json"
        folder.mkdir(parents=True, exist_ok=True)
        self._cut_torn_line()
        self._archived = self._archive.last_hash()
        self._finish_archiving()
        self._stored = self._recover()
        self._oldest_s = self._read_oldest_s()

    def head(self) -> str:
        """Hash of the last record; GENESIS when empty."""
        return self._stored.head if self._stored else GENESIS

    def stored(self) -> Stored | None:
        """Head, plan and state as they belong to the last record; None when empty."""
        return self._stored

    def records(self) -> list[bytes]:
        """Every record that is not archived, oldest first, up to the head."""
        if not self._records_file.exists():
            return []
        return self._records_file.read_bytes().splitlines()

    def archived(self) -> str:
        """Hash of the newest record that the archive holds; GENESIS when it is empty."""
        return self._archived

    def follow(self, records: Sequence[bytes], stored: Stored) -> None:
        """Take over what the store has just taken; durable when this returns.

        Raise ValueError when the last record is not the head, or a record holds a line break.
        """
        check_step(records, stored)
        _write_whole(self._next_file, _to_document(stored))
        with self._records_file.open("ab") as file:
            file.write(b"".join(record + b"\n" for record in records))
            file.flush()
            os.fsync(file.fileno())
        self._promote()
        self._stored = stored
        if records:
            self._retain(_at_s(records[-1]))

    def catch_up(self, store: PlanStore) -> int:
        """Take over what the store has and we lack; give the number of records added.

        A copy that is not a beginning of the store's log is set aside, and the log taken whole.
        Raise Unavailable when the store is not there.
        """
        missing = missing_records(store, self.head())
        if missing is None:
            return 0
        if not missing.continues:
            self._set_aside()
        self.follow(missing.records, missing.stored)
        return len(missing.records)

    def _retain(self, newest_s: float | None) -> None:
        """Archive the oldest records when they are too old, or there are too many."""
        if self._oldest_s is None:
            self._oldest_s = self._read_oldest_s()
        is_big = self._records_file.stat().st_size > self._keep_bytes * (1.0 + SLACK)
        is_old = (
            newest_s is not None
            and self._oldest_s is not None
            and newest_s - self._oldest_s > self._keep_s * (1.0 + SLACK)
        )
        if not (is_big or is_old):
            return
        lines = self.records()
        count = self._surplus(lines, newest_s)
        if count > 0:
            self._archive.add(lines[:count])
            self._archived = hash_of(lines[count - 1])
            self._replace_records(lines[count:])

    def _surplus(self, lines: list[bytes], newest_s: float | None) -> int:
        """How many of the oldest must leave; the newest is never among them."""
        left_bytes = sum(len(line) + 1 for line in lines)
        count = 0
        for line in lines[:-1]:
            at_s = _at_s(line)
            is_old = at_s is not None and newest_s is not None and newest_s - at_s > self._keep_s
            if not is_old and left_bytes <= self._keep_bytes:
                break
            left_bytes -= len(line) + 1
            count += 1
        return count

    def _finish_archiving(self) -> None:
        """A crash may have left records both in the archive and here."""
        lines = self.records()
        if self._archived == GENESIS or not lines:
            return
        hashes = [self._hash_at(lines, index) for index in range(len(lines))]
        if self._archived in hashes[:-1]:
            count = hashes.index(self._archived) + 1
            self._replace_records(lines[count:])
            self._say(f"{self._records_file}: {count} records that are archived already left it")

    def _replace_records(self, lines: list[bytes]) -> None:
        beside = self._records_file.with_suffix(".half")
        with beside.open("wb") as file:
            file.write(b"".join(line + b"\n" for line in lines))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._records_file)
        sync_folder(self._folder)
        self._oldest_s = self._read_oldest_s()

    def _read_oldest_s(self) -> float | None:
        if not self._records_file.exists():
            return None
        with self._records_file.open("rb") as file:
            line = file.readline()
        return _at_s(line) if line else None

    def _cut_torn_line(self) -> None:
        if not self._records_file.exists():
            return
        content = self._records_file.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            self._truncate(whole)
            self._say(f"{self._records_file}: a torn last line of {len(content) - whole} bytes cut")

    def _recover(self) -> Stored | None:
        """Finish or forget a step that a crash interrupted."""
        lines = self.records()
        last = self._hash_at(lines, len(lines) - 1) if lines else GENESIS
        if self._next_file.exists():
            following = _read(self._next_file)
            if following is not None and following.head == last:
                self._promote()
            else:
                self._next_file.unlink()
        stored = _read(self._stored_file) if self._stored_file.exists() else None
        if (stored.head if stored else GENESIS) == last:
            return stored
        return self._cut_back(lines, stored)

    def _cut_back(self, lines: list[bytes], stored: Stored | None) -> Stored | None:
        """Records beyond the last whole step are dropped: the store has them, or nobody acted."""
        hashes = [self._hash_at(lines, index) for index in range(len(lines))]
        head = stored.head if stored else GENESIS
        if head != GENESIS and head not in hashes:
            self._set_aside()
            return None
        kept = hashes.index(head) + 1 if head != GENESIS else 0
        self._truncate(sum(len(line) + 1 for line in lines[:kept]))
        self._say(f"{self._records_file}: {len(lines) - kept} records of an unfinished step cut")
        return stored

    def _hash_at(self, lines: list[bytes], index: int) -> str:
        try:
            return hash_of(lines[index])
        except ValueError as error:
            raise BadInput(
                "not a sealed record; move the folder away and it is made again from the store",
                file=str(self._records_file),
                line=index + 1,
            ) from error

    def _set_aside(self) -> None:
        number = len(list(self._folder.glob("records.aside-*.jsonl")))
        aside = self._folder / f"records.aside-{number}.jsonl"
        self._records_file.rename(aside)
        self._stored_file.unlink(missing_ok=True)
        self._stored = None
        self._oldest_s = None
        self._say(f"{aside}: these records are not the beginning of the store's log; set aside")

    def _truncate(self, size: int) -> None:
        with self._records_file.open("rb+") as file:
            file.truncate(size)
            os.fsync(file.fileno())

    def _promote(self) -> None:
        self._next_file.replace(self._stored_file)
        sync_folder(self._folder)

    def _say(self, sentence: str) -> None:
        self.repairs.append(sentence)
        LOG.warning("%s", sentence)


def _to_document(stored: Stored) -> dict[str, Any]:
    return {
        "head": stored.head,
        "epoch": stored.epoch,
        "revision": stored.revision,
        "plan": stored.plan.decode() if stored.plan is not None else None,
        "state": stored.state.decode() if stored.state is not None else None,
    }


def _read(path: Path) -> Stored | None:
    """None for a file that a crash left half written."""
    try:
        document = json.loads(path.read_bytes())
        plan, state = document["plan"], document["state"]
        return Stored(
            document["head"],
            None if plan is None else plan.encode(),
            None if state is None else state.encode(),
            document["epoch"],
            document["revision"],
        )
    except (ValueError, KeyError, TypeError) as error:
        LOG.warning("%s cannot be read: %s", path, error)
        return None


def _write_whole(path: Path, document: dict[str, Any]) -> None:
    with path.open("w", encoding="utf-8") as file:
        json.dump(document, file, ensure_ascii=False)
        file.flush()
        os.fsync(file.fileno())


def _at_s(record: bytes) -> float | None:
    """When it was decided, in seconds since 1970, if it says so."""
    at_s = json.loads(record).get("at_s")
    return float(at_s) if isinstance(at_s, int | float) else None
