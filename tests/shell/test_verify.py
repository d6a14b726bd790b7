"""Whatever is done to a log after it was written is found, and the record is named."""

from __future__ import annotations

import json
import random

import pytest

from controller.ports import GENESIS
from controller.shell.seal import seal
from controller.shell.verify import verify

RECORDS = 8


@pytest.fixture
def log() -> list[bytes]:
    documents = [
        {"id": f"7-{n}-0", "at_s": 100.5 + n, "sentence": f"step {n} é", "small": 1e-7}
        for n in range(RECORDS)
    ]
    return list(seal(documents).lines)


def head_of(log: list[bytes]) -> str:
    return str(json.loads(log[-1])["hash"])


def test_an_untouched_log_is_whole(log: list[bytes]) -> None:
    verdict = verify(log, head_of(log))
    assert verdict.is_whole
    assert (verdict.checked, verdict.head) == (RECORDS, head_of(log))


def test_an_empty_log_is_whole_only_for_a_plan_that_never_was() -> None:
    assert verify([], GENESIS).is_whole
    assert not verify([], "f" * 64).is_whole


@pytest.mark.parametrize("victim", range(RECORDS))
def test_a_flipped_byte_is_found_wherever_it_is(log: list[bytes], victim: int) -> None:
    head = head_of(log)
    pick = random.Random(victim)
    for _ in range(60):
        spot = pick.randrange(len(log[victim]))
        flipped = bytearray(log[victim])
        flipped[spot] ^= 1 << pick.randrange(8)
        verdict = verify([*log[:victim], bytes(flipped), *log[victim + 1 :]], head)
        assert verdict.flaw is not None
        assert verdict.flaw.position == victim + 1
        assert verdict.checked == victim


def test_a_changed_value_names_its_record(log: list[bytes]) -> None:
    log[3] = log[3].replace(b"step 3", b"step 9")
    flaw = verify(log, head_of(log)).flaw
    assert flaw is not None
    assert (flaw.kind, flaw.record) == ("changed", "7-3-0")


@pytest.mark.parametrize("victim", range(RECORDS - 1))
def test_a_removed_line_names_the_one_after_it(log: list[bytes], victim: int) -> None:
    head = head_of(log)
    flaw = verify(log[:victim] + log[victim + 1 :], head).flaw
    assert flaw is not None
    assert (flaw.kind, flaw.record) == ("removed", f"7-{victim + 1}-0")
    assert victim == 0 or f"7-{victim - 1}-0" in flaw.sentence


def test_a_cut_off_end_is_found_by_the_head_the_plan_carries(log: list[bytes]) -> None:
    flaw = verify(log[:-2], head_of(log)).flaw
    assert flaw is not None
    assert (flaw.kind, flaw.record) == ("cut off", f"7-{RECORDS - 3}-0")


def test_without_the_plan_a_cut_off_end_cannot_be_seen(log: list[bytes]) -> None:
    assert verify(log[:-2], None).is_whole


def test_swapped_records_are_out_of_order(log: list[bytes]) -> None:
    head = head_of(log)
    log[2], log[3] = log[3], log[2]
    flaw = verify(log, head).flaw
    assert flaw is not None
    assert (flaw.kind, flaw.record) == ("removed", "7-3-0")


def test_a_repeated_record_is_out_of_order(log: list[bytes]) -> None:
    flaw = verify([*log[:4], log[3], *log[4:]], head_of(log)).flaw
    assert flaw is not None
    assert (flaw.kind, flaw.record) == ("out of order", "7-3-0")


def test_a_record_resealed_by_hand_breaks_the_chain_after_it(log: list[bytes]) -> None:
    forged = json.loads(log[4])
    forged.pop("hash")
    prev = forged.pop("prev_hash")
    forged["sentence"] = "nothing happened"
    log[4] = seal([forged], prev).lines[0]
    flaw = verify(log, head_of(log)).flaw
    assert flaw is not None
    assert (flaw.kind, flaw.position) == ("removed", 6)


def test_a_plan_older_than_the_log_is_told_from_a_cut_off_log(log: list[bytes]) -> None:
    flaw = verify(log, str(json.loads(log[4])["hash"])).flaw
    assert flaw is not None
    assert (flaw.kind, flaw.record) == ("plan behind", "7-4-0")


def test_a_torn_line_is_not_a_record(log: list[bytes]) -> None:
    flaw = verify([*log[:5], log[5][:40]], None).flaw
    assert flaw is not None
    assert flaw.kind == "unreadable"
    assert "7-4-0" in flaw.sentence
