"""A small world to run playbooks in: readings go in by short name, a pretend shell answers.

`World.tick(p95=412)` is one second in which the primary's p95 is 412 ms. A reading may also be a
state (`p95="insufficient"`); one that is not given keeps its last value.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from controller.core.facts import Elected, Fact, Fate, Loaded, Operator, Tick, WorkDone
from controller.core.plan import Plan
from controller.core.playbook import (
    All,
    Autonomy,
    Comparison,
    Condition,
    Guards,
    Move,
    NoData,
    Notify,
    Playbook,
    Quantity,
    Retrain,
    Route,
)
from controller.core.readings import (
    PLAN_ADOPTED_EPOCH,
    PLAN_ADOPTED_REVISION,
    Reading,
    ReadingState,
    SignalKey,
)
from controller.core.records import Record
from controller.core.settings import ArmSettings, JudgeSettings, settings_to_document
from controller.core.state import Incident, JudgeState, state_from_document, state_to_document
from controller.core.step import Stepped, initial_state, step

PRIMARY = (("arm", "primary"),)
SIGNALS: Mapping[str, SignalKey] = {
    "p95": SignalKey("arm_latency_ms.p95", PRIMARY, 5.0),
    "degraded": SignalKey("degraded_share", (), 5.0),
    "shifted": SignalKey("drift.shifted_features", PRIMARY, 300.0),
    "errors": SignalKey("arm_bad", PRIMARY, 5.0),
    "recent_age": SignalKey("feature.age_s", (("feature_group", "user_recent"),), 5.0),
    "hour_age": SignalKey("feature.age_s", (("feature_group", "item_hour"),), 5.0),
    "below_control": SignalKey("ctr.below_control", PRIMARY, 0.0),
    "slow_minutes": SignalKey("arm_latency_ms.p95", PRIMARY, 60.0),
}
QUIET: Mapping[str, float | str] = {
    "p95": 50.0,
    "degraded": 0.0,
    "shifted": 0.0,
    "errors": 0.0,
    "recent_age": 1.0,
    "hour_age": 1.0,
    "below_control": 0.0,
    "slow_minutes": 50.0,
}
SETTINGS = JudgeSettings(
    service="recommender",
    arms={
        "primary": ArmSettings("als-1", 1.0),
        "fallback": ArmSettings("pop-1", 0.0, in_process=True),
        "challenger": ArmSettings("als-0", 0.0),
    },
    probe_per_s=20.0,
    label_values={"arm": ("primary", "fallback"), "feature_group": ("user_recent", "item_hour")},
    default_windows_s={
        "arm_latency_ms.p95": 5.0,
        "degraded_share": 5.0,
        "drift.shifted_features": 300.0,
        "arm_bad": 5.0,
        "feature.age_s": 5.0,
    },
    signal_maxima={"arm_latency_ms.p95": 60_000.0},
    concurrent_signals=("ctr.below_control",),
    drift_signals=("drift.shifted_features",),
)


def above(name: str, threshold: float, for_s: float = 0.0, **more: Any) -> Comparison:
    return _comparison(name, ">", threshold, for_s, **more)


def below(name: str, threshold: float, for_s: float = 0.0, **more: Any) -> Comparison:
    return _comparison(name, "<", threshold, for_s, **more)


def _comparison(
    name: str, op: Any, threshold: float, for_s: float, no_data: NoData | None = None
) -> Comparison:
    key = SIGNALS[name]
    unit = {"p95": "ms", "degraded": "share", "errors": "share"}.get(name, "count")
    span = f" for {for_s:g}s" if for_s else ""
    window_s = key.window_s if name == "slow_minutes" else None
    text = f"{SignalKey(key.name, key.labels)} {op} {threshold:g}{span}"
    return Comparison(
        Quantity(key.name, key.labels, window_s),
        op,
        threshold,
        unit,
        for_s,
        text,
        no_data=no_data,
    )


ROUTE = Route("primary", "fallback", 1.0, returns=(0.1, 0.5, 1.0), every_s=5.0)
RETRAIN = Retrain("primary", 86_400.0, "evaluate")


def playbook(
    name: str = "slow-primary",
    when: Condition | None = None,
    rungs: tuple[tuple[Move, ...], ...] | None = None,
    clear_when: Condition | None = None,
    no_data: NoData = NoData.HOLD,
    for_each: str | None = None,
    **guards: Any,
) -> Playbook:
    """Route away from a slow primary; everything can be said otherwise."""
    settled = {"cooldown_s": 60.0, "budget_count": 100, "autonomy": Autonomy.AUTO, **guards}
    return Playbook(
        name=name,
        owner="recs-oncall",
        why="Serve the simple model while the other is slow.",
        when=when if when is not None else above("p95", 200.0, 2.0),
        no_data=no_data,
        rungs=rungs if rungs is not None else ((verified(ROUTE),),),
        clear_when=clear_when if clear_when is not None else below("p95", 150.0, 5.0),
        guards=Guards(**settled),
        text=f"playbook: {name}\n",
        sha256=f"sha-{name}",
        for_each=for_each,
    )


def verified(action: Any, otherwise: Any = "next", expect: Condition | None = None) -> Move:
    """A move that is expected to stop the breach of `errors` or what is said."""
    return Move(
        action,
        expect if expect is not None else below("degraded", 0.01),
        within_s=30.0,
        otherwise=otherwise,
    )


def notify(message: str = "look") -> Move:
    return Move(Notify("chat", message))


def both(*conditions: Condition) -> All:
    return All(conditions)


class World:
    """Steps facts, answers commits like a shell, and checks what must hold at every step."""

    def __init__(
        self,
        *playbooks: Playbook,
        settings: JudgeSettings = SETTINGS,
        fate: Any = "published",
        elect: bool = True,
        through_json: bool = False,
    ) -> None:
        self.state: JudgeState = initial_state()
        self.settings = settings
        self.fate = fate
        self.through_json = through_json
        self.adopting = True
        self.at_s = 1_000.0
        self.records: list[Record] = []
        self.plans: list[Plan] = []
        self.facts: list[Fact] = []
        self.answering = True
        self._seq = 0
        self._signals: dict[str, float | str] = dict(QUIET)
        self._samples = 96
        self.load(*playbooks, settings=settings)
        if elect:
            self.elect()

    @property
    def plan(self) -> Plan:
        return self.plans[-1]

    @property
    def incident(self) -> Incident:
        (incident,) = self.state.incidents
        return incident

    @property
    def phases(self) -> list[str]:
        return [record.phase for record in self.records]

    def sentences(self, phase: str) -> list[str]:
        return [record.sentence for record in self.records if record.phase == phase]

    def share(self, arm: str = "primary") -> float:
        return self.plan.arms[arm].share

    def load(self, *playbooks: Playbook, settings: JudgeSettings | None = None) -> Stepped:
        self.settings = settings or self.settings
        document = settings_to_document(self.settings)
        return self.feed(Loaded(self._next(), self.at_s, playbooks, document, "0.1.0"))

    def elect(self, epoch: int = 7, state: Mapping[str, Any] | None = None) -> Stepped:
        return self.feed(Elected(self._next(), self.at_s, epoch, "here", state, "head"))

    def tick(self, times: int = 1, after_s: float = 1.0, **signals: float | str) -> Stepped:
        """`times` ticks; the stepped result of the last."""
        self._signals.update(signals)
        for _ in range(times):
            self.at_s = round(self.at_s + after_s, 6)
            stepped = self.feed(Tick(self._next(), self.at_s, self.readings()))
        return stepped

    def until(self, phase: str, limit: int = 200, **signals: float | str) -> int:
        """Tick until a record of this phase appears; how many ticks that took."""
        seen = len(self.records)
        for count in range(1, limit + 1):
            self.tick(**signals)
            if phase in self.phases[seen:]:
                return count
        raise AssertionError(f"no {phase!r} in {limit} ticks, only {self.phases[seen:]}")

    def readings(self) -> dict[SignalKey, Reading]:
        found = {
            SIGNALS[name]: self._reading(SIGNALS[name], said)
            for name, said in self._signals.items()
            if said != "missing"
        }
        if self.adopting and self.plans:
            for key, value in (
                (PLAN_ADOPTED_EPOCH, self.plan.epoch),
                (PLAN_ADOPTED_REVISION, self.plan.revision),
            ):
                found[key] = Reading(float(value), ReadingState.OK, 1, self.at_s, self.at_s)
        return found

    def command(self, verb: str, target: str, id_: str = "", expires_s: float = 60.0) -> Stepped:
        """A person's command, and the tick that answers it."""
        command_id = id_ or f"c{self._seq}"
        self.feed(
            Operator(
                self._next(), self.at_s, command_id, "ada", verb, target, self.at_s + expires_s
            )
        )
        return self.tick()

    def work_done(self, work_id: str, status: Any = "done", version: str | None = None) -> Stepped:
        """A worker's last word, and the tick that answers it."""
        kind = next((w.kind for w in self.state.wanted if w.id == work_id), "retrain")
        self.feed(WorkDone(self._next(), self.at_s, work_id, kind, status, "", version))
        return self.tick()

    def wanted(self, kind: str) -> list[Any]:
        return [work for work in self.plan.wanted if work.kind == kind]

    def pages(self) -> list[str]:
        """Every message a page was ever wanted for."""
        found = {
            work.id: str(work.arguments["message"])
            for plan in self.plans
            for work in plan.wanted
            if work.arguments.get("channel") == "page"
        }
        return list(found.values())

    def feed(self, fact: Fact) -> Stepped:
        """Step one fact, and answer its commit."""
        self.facts.append(fact)
        if self.through_json:
            document = json.loads(json.dumps(state_to_document(self.state)))
            assert state_from_document(document) == self.state
            self.state = state_from_document(document)
        stepped = step(self.state, fact)
        assert (stepped.plan is None) == (not stepped.records)
        self.state = stepped.state
        if stepped.plan is not None:
            self._commit(stepped.plan, stepped.records)
        return stepped

    def _commit(self, plan: Plan, records: tuple[Record, ...]) -> None:
        check_plan(plan)
        if self.plans:
            before = self.plans[-1]
            assert (plan.epoch, plan.revision) > (before.epoch, before.revision)
        self.plans.append(plan)
        self.records += records
        if self.answering:
            self.feed(Fate(self._next(), self.at_s, self.fate, "head"))

    def _next(self) -> int:
        self._seq += 1
        return self._seq

    def _reading(self, key: SignalKey, said: float | str) -> Reading:
        start_s = self.at_s - key.window_s
        if isinstance(said, str):
            return Reading(None, ReadingState(said), 3, start_s, self.at_s, "too few")
        return Reading(float(said), ReadingState.OK, self._samples, start_s, self.at_s)


def check_plan(plan: Plan) -> None:
    """What holds for every plan: shares are shares, and they sum to one."""
    assert plan.head == ""
    for shares in ({n: a.share for n, a in plan.arms.items()}, *(s.shares for s in plan.splits)):
        assert all(share >= 0.0 for share in shares.values())
        assert round(sum(shares.values()), 6) == 1.0
    assert {f"arms.{name}.share" for name in plan.arms} <= set(plan.owners)


def with_settings(**changes: Any) -> JudgeSettings:
    return replace(SETTINGS, **changes)
