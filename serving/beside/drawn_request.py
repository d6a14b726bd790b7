"""One request of a service that is not ours: the arm drawn for it, and what came of it.

Nothing here raises for what the world, or an arm, does: a request that goes wrong is a row that
says so.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, Self

from controller.core.plan import Plan
from serving.arm_call import ArmAnswer, slate_fault
from serving.routing.draw import Drawn
from serving.routing.verdict import AttemptResult, Outcome, request_outcome
from serving.served_row import Asked, Attempt, Served

NOTHING_TOLD = "no slate was told"
_PROBE_OUTCOMES: Mapping[str, Outcome] = {"ok": "ok", "late": "late"}


@dataclass(eq=False, slots=True, weakref_slot=True)
class DrawnRequest:
    """Answer it with ``arm``, then call ``served``. Times are monotonic seconds."""

    arm: str
    """The arm to answer with."""
    user_id: str
    asked: Asked
    plan: Plan
    drawn: Drawn | None
    """None: shed by the plan before the draw (``arm`` is the fallback then), or a probe."""
    unit: int
    role: Literal["user", "probe"]
    began_s: float
    write: Callable[[DrawnRequest, Served], None]
    sign: Callable[[DrawnRequest, ArmAnswer, str], str]
    is_owned: bool = False
    """Somebody ends it: a middleware, or a ``with``. Else ``served`` does."""
    _attempts: list[Attempt] = field(default_factory=list)
    _attempt_from_s: float = field(default_factory=time.monotonic)
    _answer: ArmAnswer | None = None
    _served_by: str | None = None
    _is_written: bool = False
    _ending: threading.Lock = field(default_factory=threading.Lock)
    """A probe is ended by its thread, or at its deadline by another."""

    @property
    def request_id(self) -> str:
        return self.asked.request_id.hex()

    @property
    def k(self) -> int:
        """How many items were asked for; the most there may be if nobody said."""
        return self.asked.k

    @property
    def deadline_ms(self) -> float:
        """How long ``arm`` may take before its attempt counts as late."""
        planned = self.plan.arms.get(self.arm)
        return planned.deadline_ms if planned else self.plan.request_deadline_ms

    def failed(self, reason: str = "failed") -> None:
        """The arm gave nothing to serve. Say so before another one is asked."""
        self._note(self.arm, "", text_of(reason))

    def served(
        self,
        items: Sequence[str],
        *,
        scores: Sequence[float] = (),
        model_version: str = "",
        arm: str = "",
        inputs: Mapping[str, float] | None = None,
    ) -> str:
        """Tell the slate, best first, and return the token its feedback needs.

        ``arm``: who answered, if it was not the one drawn. ``scores``: one per item, or none.
        ``inputs``: what the model computed the first score from, for drift.
        """
        by = text_of(arm or self.arm)
        if by != self.arm and not self._attempts:
            self.failed(f"{by} answered")
        version = text_of(model_version)
        try:
            answer = ArmAnswer(
                tuple(map(text_of, items)),
                tuple(map(float, scores)),
                version,
                inputs={text_of(name): float(value) for name, value in (inputs or {}).items()},
                cpu_ms=None,
            )
            fault = _fault(answer, self.k)
        except (TypeError, ValueError, AttributeError, OverflowError) as error:
            answer = ArmAnswer((), (), version, cpu_ms=None)
            fault = f"no slate: {type(error).__name__}"
        self._note(by, version, fault)
        if fault is None:
            self._answer, self._served_by = answer, by
        if not self.is_owned:
            self.finish()
        return self.sign(self, answer, by)

    def finish(self, *, reason: str = "") -> None:
        """Write the row, once. ``reason``: why the user got no slate although one was told."""
        with self._ending:
            if self._is_written:
                return
            self._is_written = True
        latency_ms = (time.monotonic() - self.began_s) * 1000.0
        if reason or self._answer is None:
            self._answer = self._served_by = None
            if not self._attempts:
                self.failed(reason or NOTHING_TOLD)
        self.write(self, self._row(self._outcome(latency_ms), latency_ms))

    def __enter__(self) -> Self:
        self.is_owned = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.finish(reason="" if kind is None else kind.__name__)

    def _note(self, arm: str, version: str, fault: str | None) -> None:
        now_s = time.monotonic()
        elapsed_ms = (now_s - self._attempt_from_s) * 1000.0
        self._attempt_from_s = now_s
        planned = self.plan.arms.get(arm)
        is_late = planned is not None and elapsed_ms > planned.deadline_ms
        result: AttemptResult = "late" if is_late else "ok" if fault is None else "error"
        reason = fault or ("deadline" if is_late else "")
        self._attempts.append(Attempt(arm, version, elapsed_ms, result, reason))

    def _outcome(self, latency_ms: float) -> Outcome:
        if self.role == "probe":
            return _PROBE_OUTCOMES.get(self._attempts[0].result, "error")
        if self._answer is None:
            return "error"
        return request_outcome(
            shed=self.drawn is None,
            latency_ms=latency_ms,
            deadline_ms=self.plan.request_deadline_ms,
        )

    def _row(self, outcome: Outcome, latency_ms: float) -> Served:
        arm = self.arm if self.role == "probe" else self.drawn.arm if self.drawn else None
        return Served(
            role=self.role,
            arm=arm,
            propensities=self.drawn.propensities if self.drawn else {},
            evaluation_id=self.drawn.evaluation_id if self.drawn else "",
            unit=self.unit,
            attempts=tuple(self._attempts),
            answer=self._answer,
            served_by=self._served_by,
            outcome=outcome,
            latency_ms=latency_ms,
            queue_depth=0,
            cache="bypass",
        )


def text_of(value: object) -> str:
    """As text that telemetry can carry, whatever came over the wire: half of a surrogate pair, say,
    would be refused where nobody waits for the answer."""
    text = str(value)
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _fault(answer: ArmAnswer, k: int) -> str | None:
    """As of any arm's answer; one without scores is not to blame for them."""
    if answer.scores:
        return slate_fault(answer, k)
    zeros = (0.0,) * len(answer.item_ids)
    return slate_fault(ArmAnswer(answer.item_ids, zeros, answer.version), k)
