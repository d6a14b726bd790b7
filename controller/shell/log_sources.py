"""Where a decision log can be read from: the store, a controller's disk copy, or a plain file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from controller.errors import BadInput
from controller.ports import GENESIS, PlanStore
from controller.shell.record_lines import record_of
from controller.shell.seal import HASH, PREV_HASH, unsealed

PAGE_RECORDS = 1_000
RECORDS_FILE = Path("decisions") / "records.jsonl"
ARCHIVE_FOLDER = Path("decisions") / "archive"
STORED_FILE = Path("decisions") / "stored.json"


@dataclass(frozen=True, slots=True)
class DecisionLog:
    """Sealed lines, oldest first. ``head``: what the plan beside them says (None: no plan there).

    ``place`` is the file or store they are of. ``torn_bytes`` at the end were no whole line. The
    oldest ``archived`` lines are from an archive.
    """

    lines: Sequence[bytes]
    head: str | None
    place: str
    torn_bytes: int = 0
    archived: int = 0

    @property
    def begins_after(self) -> str:
        """The hash that the first line follows: GENESIS in a log that is there from its start.

        Also of an empty log, or of one whose first line is no record.
        """
        try:
            return str(unsealed(self.lines[0]).get(PREV_HASH, GENESIS)) if self.lines else GENESIS
        except ValueError:
            return GENESIS


def from_store(store: PlanStore) -> DecisionLog:
    """The home of the log. Raise Unavailable."""
    lines = [line for _, line in pages(store)]
    stored = store.load()
    head = _head_of(stored.plan if stored else None, "the store's plan")
    return DecisionLog(lines, head or GENESIS, "the store's log")


def pages(store: PlanStore, after: str = "-") -> Iterator[tuple[str, bytes]]:
    """(store id, line) of all records after a store id. Raise Unavailable."""
    while page := store.records(after, PAGE_RECORDS):
        yield from page
        after = page[-1][0]


def from_disk(data_dir: Path) -> DecisionLog:
    """The copy a controller keeps, its archive before it. Raise BadInput when there is none."""
    log = from_file(data_dir / RECORDS_FILE)
    path = data_dir / STORED_FILE
    try:
        plan = json.loads(path.read_bytes())["plan"]
    except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(f"cannot be read: {error}", file=str(path)) from None
    return with_archive(replace(log, head=_head_of(plan, str(path)) or GENESIS), data_dir)


def with_archive(log: DecisionLog, data_dir: Path) -> DecisionLog:
    """The log with what a controller's data folder archived of it in front.

    Where the two do not meet, all of the archive is, so that checking the chain finds the gap.
    Raise BadInput when an archive file is damaged.
    """
    follows = log.begins_after
    if follows == GENESIS:
        return log
    from controller.adapters.log_archive import archived_lines  # noqa: PLC0415  (imports Arrow)

    older = archived_lines(data_dir / ARCHIVE_FOLDER)
    for place in range(len(older) - 1, -1, -1):
        if _claimed_hash(older[place]) == follows:
            older = older[: place + 1]
            break
    return replace(log, lines=[*older, *log.lines], archived=len(older))


def from_file(path: Path) -> DecisionLog:
    """One record a line, as `decisions list --json` prints and the disk copy keeps them."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}", file=str(path)) from None
    whole = content.rfind(b"\n") + 1
    return DecisionLog(content[:whole].splitlines(), None, str(path), len(content) - whole)


def read_documents(log: DecisionLog) -> list[dict[str, Any]]:
    """The records as documents. Raise BadInput naming the line and the field that is none."""
    return [
        record_of(line, f"the archive of {log.place}", number)
        if number <= log.archived
        else record_of(line, log.place, number - log.archived)
        for number, line in enumerate(log.lines, start=1)
    ]


def _head_of(plan: bytes | str | None, place: str) -> str | None:
    if plan is None:
        return None
    try:
        head = json.loads(plan)["head"]
    except (ValueError, RecursionError, KeyError, TypeError) as error:
        raise BadInput(f"holds no plan with a head: {error}", file=place) from None
    return str(head)


def _claimed_hash(line: bytes) -> str | None:
    try:
        return unsealed(line).get(HASH)
    except ValueError:
        return None
