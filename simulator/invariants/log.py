"""No plan change without its record: log and plan change together, and the log is one chain.

The hash of a record is SHA-256 of its JSON (sorted keys, no spaces, UTF-8) without ``hash``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

from simulator.invariants.invariant import Change, Invariant, Told
from simulator.invariants.story import Record

BEGINNING = "0" * 64


class ChangesAreRecorded(Invariant):
    """Plan bytes change only with new records, whose last one the plan names; and back."""

    name = "changes-are-recorded"

    def record(self, told: Told) -> Iterator[str]:
        record = told.record
        before = told.story.head or BEGINNING
        if record["prev_hash"] != before:
            yield f"record {record['id']} follows {record['prev_hash'][:12]}, not {before[:12]}"
        if record["hash"] != _hash(record):
            yield f"record {record['id']} does not have the hash it carries"

    def change(self, change: Change) -> Iterator[str]:
        if change.garbled:
            yield f"{change.garbled} new lines of the log are no records"
        if change.plan_changed and not change.records:
            yield "the plan changed and the log did not"
        if change.records and not change.plan_changed:
            yield f"{change.records[-1]['id']} was recorded and the plan did not change"
        plan = change.plan
        if plan is None or not (change.plan_changed or change.records):
            return
        head = change.story.head or BEGINNING
        if not plan["head"] == head == change.step.head:
            yield (
                f"the plan names {plan['head'][:12]}, the store {change.step.head[:12]}, "
                f"and the last record is {head[:12]}"
            )
        if (plan["epoch"], plan["revision"]) != change.story.position:
            epoch, revision = change.story.position
            yield f"plan {plan['epoch']}/{plan['revision']}, but records of {epoch}/{revision}"


def _hash(record: Record) -> str:
    bare = {key: value for key, value in record.items() if key != "hash"}
    text = json.dumps(bare, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
