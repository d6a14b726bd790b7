"""What a scenario's YAML may say: strict models, whose values are numbers in the world's units."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from simulator.scenario.fault_schema import FaultEntry
from simulator.scenario.strict import OneOf, Strict
from simulator.scenario.units import (
    Milliseconds,
    Moment,
    Name,
    PerDay,
    Rate,
    Share,
    SharePerDay,
    Span,
    Text,
    WeekTime,
    choice,
    number,
    refused,
    whole,
)
from simulator.spec import ArmModel, Traffic, Users, WorldSpec

VERBS = ("approve", "reject", "freeze", "thaw", "override", "release", "promote", "acknowledge")
_ARM, _TRAFFIC, _USERS, _WORLD = ArmModel(), Traffic(), Users(), WorldSpec()


class BurstEntry(Strict):
    at: Moment
    for_: Span = Field(alias="for")
    factor: number(0, 100)  # type: ignore[valid-type]
    rise: Span = 5.0
    fall: Span = 30.0


class TrafficEntry(Strict):
    rate: Rate = _TRAFFIC.rate_per_s
    day_ratio: number(1, 100) = _TRAFFIC.day_ratio  # type: ignore[valid-type]
    week_ratio: number(1, 100) = _TRAFFIC.week_ratio  # type: ignore[valid-type]
    burstiness: number(0, 3) = _TRAFFIC.burstiness  # type: ignore[valid-type]
    memory: number(0, 0.999) = _TRAFFIC.memory  # type: ignore[valid-type]
    shots: PerDay = _TRAFFIC.shots_per_day
    bursts: tuple[BurstEntry, ...] = ()


class UsersEntry(Strict):
    users: whole(10, 1_000_000) = _USERS.users  # type: ignore[valid-type]
    items: whole(20, 1_000_000) = _USERS.items  # type: ignore[valid-type]
    ratings: Text | None = None
    """A file, relative to the scenario's folder; instead of ``users`` and ``items``."""
    popularity_exponent: number(0, 3) = _USERS.popularity_exponent  # type: ignore[valid-type]
    activity_pareto: number(0.5, 10) = _USERS.activity_pareto  # type: ignore[valid-type]
    churn: SharePerDay = _USERS.churn_per_day
    fatigue: number(0, 10) = _USERS.fatigue  # type: ignore[valid-type]
    click_model: choice("position", "cascade") = _USERS.click_model  # type: ignore[valid-type]
    rank_exponent: number(0, 5) = _USERS.rank_exponent  # type: ignore[valid-type]
    ctr: Share = _USERS.ctr
    delay: Span = _USERS.delay_s
    delay_spread: number(0, 5) = _USERS.delay_spread  # type: ignore[valid-type]
    loss: Share = _USERS.loss_share
    doubles: Share = _USERS.double_share


class ArmEntry(Strict):
    latency: Milliseconds = _ARM.latency_ms
    spread: number(0, 3) = _ARM.spread  # type: ignore[valid-type]
    replicas: whole(1, 64) = _ARM.replicas  # type: ignore[valid-type]
    batch_size: whole(1, 1_000) = _ARM.batch_size  # type: ignore[valid-type]
    batch_time: Milliseconds = _ARM.batch_ms
    item_time: Milliseconds = _ARM.item_ms
    cold: Milliseconds = _ARM.cold_ms
    cold_for: Span = _ARM.cold_s
    quality: number(0, 1) = _ARM.quality  # type: ignore[valid-type]
    personal: bool = _ARM.personal

    @field_validator("personal", mode="before")
    @classmethod
    def _yes_or_no(cls, value: Any) -> Any:
        if not isinstance(value, bool):
            raise refused(value, "true, false")
        return value


class ServiceEntry(Strict):
    routers: whole(1, 16) = _WORLD.routers  # type: ignore[valid-type]
    arms: dict[str, ArmEntry] = Field(default_factory=dict)
    local: Milliseconds = _WORLD.local_ms
    features_every: Span = _WORLD.feature_every_s
    train: Span = _WORLD.train_s
    adopt: Milliseconds = _WORLD.adopt_ms
    detect_dead: Span = _WORLD.detect_dead_s
    inputs: whole(1, 1_000) = _WORLD.inputs  # type: ignore[valid-type]


class CommandEntry(Strict):
    at: Moment
    verb: choice(*VERBS)  # type: ignore[valid-type]
    target: Text
    who: Text = "on-call"


class DeployEntry(Strict):
    at: Moment
    what: Text
    kind: choice("deploy", "configuration", "price") = "deploy"  # type: ignore[valid-type]
    who: Text = "ci"


class ActsEntry(Strict):
    playbook: Name
    action: Name
    of: whole(1, 1_000) = 1  # type: ignore[valid-type]
    """Which fault, counted from 1."""
    within: Span
    shadow: bool = False
    """It only writes down that it would."""


class ExplainsEntry(Strict):
    by: Text
    """A segment, feature or arm, as a cause names it: ``country=br & platform=ios``."""


class RecoversEntry(Strict):
    within: Span


class QuietEntry(Strict):
    except_for: tuple[Name, ...] = ()


class ServesEntry(Strict):
    at_least: Share


class ExpectationEntry(OneOf):
    acts: ActsEntry | None = None
    explains: ExplainsEntry | None = None
    recovers: RecoversEntry | None = None
    quiet: QuietEntry | None = None
    serves: ServesEntry | None = None


class Document(Strict):
    version: Literal[1]
    scenario: Name
    why: Text
    duration: Span
    starts: WeekTime = 0.0
    settings: dict[str, Any] = Field(default_factory=dict)
    playbooks: Text = "shipped"
    traffic: TrafficEntry = TrafficEntry()
    users: UsersEntry = UsersEntry()
    service: ServiceEntry = ServiceEntry()
    faults: tuple[FaultEntry, ...] = ()
    commands: tuple[CommandEntry, ...] = ()
    deploys: tuple[DeployEntry, ...] = ()
    expect: tuple[ExpectationEntry, ...] = ()


def json_schema() -> dict[str, Any]:
    """For editors that complete and check YAML."""
    return Document.model_json_schema(by_alias=True)
