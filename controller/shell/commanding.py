"""What people command reaches the judge by one way: the `operator` topic, until a record answers.

A command is published again and again until a record of the decision log names its id; without
one in time it fails visibly.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from controller.errors import Unavailable
from controller.ports import BusWriter, PlanStore
from controller.shell.log_sources import pages
from controller.shell.seal import unsealed
from controller.telemetry.batches import encode_arrow, headers_for
from controller.telemetry.schema import OPERATOR

REPEAT_S = 1.0
LOOK_S = 0.1
ANSWERS_KEPT = 1_000
_NAMES_A_COMMAND = b'"command_id":"'


@dataclass(frozen=True, slots=True)
class Command:
    """What is published on ``.operator``."""

    command_id: str
    who: str
    verb: str
    target: str


class AnswerLog:
    """Finds the record that answers a command, reading each line of the log once.

    Keeps the newest answers, so that a repeated id is answered by the record it has already.
    """

    def __init__(self, store: PlanStore) -> None:
        self._store = store
        self._after = "-"
        self._answers: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._lock = threading.Lock()

    def answer_to(self, command_id: str) -> dict[str, Any] | None:
        """The record that names the command; None while there is none. Raise Unavailable."""
        with self._lock:
            for store_id, line in pages(self._store, self._after):
                self._after = store_id
                if _NAMES_A_COMMAND in line:
                    self._keep(line)
            return self._answers.get(command_id)

    def _keep(self, line: bytes) -> None:
        try:
            record = unsealed(line)
        except ValueError:
            return  # what is no record answers nobody; `decisions verify` says where it stands
        if isinstance(record.get("command_id"), str):
            self._answers.setdefault(record["command_id"], record)
        while len(self._answers) > ANSWERS_KEPT:
            self._answers.popitem(last=False)


def command_until_recorded(
    command: Command,
    writer: BusWriter,
    store: PlanStore | AnswerLog,
    service: str,
    cap_s: float,
    now_s: Callable[[], float] = time.time,
    sleep_s: Callable[[float], object] = time.sleep,
) -> dict[str, Any]:
    """Publish until a record names the command; that record. Raise Unavailable after the cap."""
    answers = store if isinstance(store, AnswerLog) else AnswerLog(store)
    deadline_s = now_s() + cap_s
    row = {
        "at_s": now_s(),
        "command_id": command.command_id,
        "who": command.who,
        "verb": command.verb,
        "target": command.target,
        "expires_at_s": deadline_s,
    }
    value = encode_arrow(OPERATOR, [row])
    seq, due_s, trouble = 0, now_s(), "no record names it"
    while (at_s := now_s()) < deadline_s:
        try:
            answer = answers.answer_to(command.command_id)
            if answer is not None:
                return answer
        except Unavailable as error:
            trouble = str(error)
        if at_s >= due_s:
            headers = headers_for(producer_id=command.command_id, producer_seq=seq, service=service)
            if not writer.send(OPERATOR, value, headers=headers, partition=0):
                trouble = "the bus takes no messages"
            seq, due_s = seq + 1, at_s + REPEAT_S
        sleep_s(LOOK_S)
    raise Unavailable(
        f"{command.verb} {command.target} was not taken up within {cap_s:g} s: {trouble} "
        f"(command {command.command_id}); is a controller leading? see `selfright status`"
    )
