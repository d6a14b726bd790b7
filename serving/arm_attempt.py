"""One attempt of one arm within its time: whatever goes wrong comes back as a value."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from serving.arm_call import ArmAnswer, ArmCaller, ArmQuery, PendingAnswer, slate_fault
from serving.loaded_models import LoadedModels
from serving.routing.verdict import NO_TIME, AttemptResult
from serving.served_row import Attempt


@dataclass(frozen=True, slots=True)
class Tried:
    """The attempt as telemetry tells it, and the answer if it was good."""

    attempt: Attempt
    answer: ArmAnswer | None


async def try_remote(
    arms: ArmCaller, arm: str, query: ArmQuery, within_ms: float, version: str
) -> Tried:
    """Ask an arm by its handle; the loser of the race against the clock is cancelled.

    ``version`` is named where the arm did not say one. Only the cancellation of the request
    itself is raised: this is the one boundary that catches everything else, because a user's
    slate must not depend on what an arm, or the transport to it, can throw.
    """
    if within_ms <= 0.0:
        return Tried(Attempt(arm, version, 0.0, "skipped", NO_TIME), None)
    started_s = time.monotonic()
    pending: PendingAnswer | None = None
    answer: ArmAnswer | None = None
    result: AttemptResult = "error"
    reason = ""
    clock = asyncio.timeout(within_ms / 1000.0)
    try:
        async with clock:
            pending = arms.call(arm, query)
            answer = await pending
    except asyncio.CancelledError:
        _cancel(pending)
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        reason = "cancelled by the arm"
    except Exception as error:  # noqa: BLE001  (the boundary, see above)
        _cancel(pending)
        result = "late" if clock.expired() else "error"
        reason = "deadline" if clock.expired() else _name(error)
    if answer is not None:
        fault = slate_fault(answer, query.k)
        result, reason, version = "error" if fault else "ok", fault or "", answer.version
        answer = None if fault else answer
    elapsed_ms = (time.monotonic() - started_s) * 1000.0
    return Tried(Attempt(arm, version, elapsed_ms, result, reason), answer)


async def ends_within(attempt: asyncio.Task[Tried], within_ms: float) -> bool:
    """Wait for it so long and no longer; whoever is cancelled meanwhile takes it along."""
    try:
        await asyncio.wait({attempt}, timeout=within_ms / 1000.0)
    except asyncio.CancelledError:
        attempt.cancel()
        raise
    return attempt.done()


def try_local(models: LoadedModels, arm: str, query: ArmQuery) -> Tried:
    """Ask an arm of this process. A user's own recommender may fail; that is a value, too."""
    started_s = time.monotonic()
    version = models.version(arm)
    answer: ArmAnswer | None = None
    try:
        answer = models.answer(arm, query)
        reason = slate_fault(answer, query.k) or ""
    except Exception as error:  # noqa: BLE001  (the same boundary, for arms in this process)
        reason = _name(error)
    elapsed_ms = (time.monotonic() - started_s) * 1000.0
    result: AttemptResult = "error" if reason else "ok"
    return Tried(Attempt(arm, version, elapsed_ms, result, reason), None if reason else answer)


def _cancel(pending: PendingAnswer | None) -> None:
    if pending is not None:
        pending.cancel()


def _name(error: Exception) -> str:
    """The kind of error, and the kind it wraps where Ray wraps one."""
    cause = getattr(error, "cause", None)
    return type(cause if isinstance(cause, Exception) else error).__name__
