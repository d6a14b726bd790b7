"""What `selfright.yaml` may say: services, arms, feature groups, segments, endpoints.

Linting needs only this, never a running system. Secrets are not settings: they come from the
environment (``SELFRIGHT_REDIS_PASSWORD``, ``SELFRIGHT_TOKEN_KEY``) and are never written down.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from controller.core.approvers import OWNER, Approvers
from controller.core.plan import ArmPlan, Plan
from controller.core.readings import Catalogue
from controller.core.settings import ArmSettings, JudgeSettings
from controller.limit_settings import Name, ServiceLimits, Share, Strict, rate_of

Seconds = Annotated[float, Field(gt=0.0)]
PERSON_PATTERN = r"^\w[\w .@+\-]{0,63}$"
Person = Annotated[str, Field(pattern=PERSON_PATTERN)]

REDIS_PASSWORD_ENV = "SELFRIGHT_REDIS_PASSWORD"  # noqa: S105  (a name, not a secret)
TOKEN_KEY_ENV = "SELFRIGHT_TOKEN_KEY"  # noqa: S105
OPERATOR_TOKEN_ENV = "SELFRIGHT_OPERATOR_TOKEN"  # noqa: S105
PLAN_TOKEN_ENV = "SELFRIGHT_PLAN_TOKEN"  # noqa: S105


_HOST_PORT = re.compile(r"[A-Za-z0-9_.\-]+:\d{1,5}|\[[0-9a-fA-F:]+\]:\d{1,5}")
_ORIGIN = r"https?://([A-Za-z0-9_.\-]+|\[[0-9a-fA-F:]+\])(:\d{1,5})?"
_HTTP_ORIGIN = re.compile(_ORIGIN + "/?")
_HTTP_URL = re.compile(_ORIGIN + r"(/[A-Za-z0-9_.~%/\-]*)?")
_REDIS_URL = re.compile(r"rediss?://[A-Za-z0-9_.\-]+(:\d{1,5})?(/\d+)?")


class Arm(Strict):
    """One routable recommender."""

    share: Share = 0.0
    deadline_ms: float = Field(default=100.0, gt=0.0, le=60_000.0)
    version: str = "latest"
    """A registered model version, or ``latest``: the newest one registered for this arm."""
    in_process: bool = False
    """Answered inside the router's own process, from memory."""
    url: str = ""
    """``http(s)://HOST:PORT/PATH`` of a server that answers (`serving/http_arms.py`)."""
    recommender: Annotated[str, Field(pattern=r"^([A-Za-z_][\w.]*:[A-Za-z_]\w*)?$")] = ""
    """``MODULE:CLASS`` of a recommender of your own (`models/own_recommender.py`)."""
    replicas: int = Field(default=1, ge=1, le=64)
    capacity_per_s: float | None = Field(default=None, gt=0.0)
    """Requests it bears, where that is known better than the head-room monitor learns it."""

    @field_validator("url")
    @classmethod
    def _url_is_an_address_without_a_password(cls, text: str) -> str:
        if text and not _HTTP_URL.fullmatch(text):
            raise ValueError("no address of an arm; accepted: http(s)://HOST:PORT/PATH")
        return text

    @model_validator(mode="after")
    def _answers_in_one_place(self) -> Arm:
        if self.url and self.in_process:
            raise ValueError("an arm with a url is not in_process; accepted: one of them")
        if self.url and self.recommender:
            raise ValueError("an arm has a url or a recommender; accepted: one of them")
        return self


class Endpoints(Strict):
    """Where things are. Empty: `selfright up` starts its own on loopback and fills these in."""

    kafka: str = ""
    """``host:port[,host:port]``"""
    redis: str = ""
    """``redis://host:port/0``, without a password."""
    ray: str = ""
    """``auto`` or ``ray://host:port`` or ``host:port``"""
    http_host: str = "127.0.0.1"
    http_port: int = Field(default=8000, ge=0, le=65_535)
    metrics_port: int = Field(default=9464, ge=0, le=65_535)
    """Prometheus port of the controller, on loopback. 0: a free one."""
    operator_host: str = "127.0.0.1"
    operator_port: int = Field(default=0, ge=0, le=65_535)
    """The controller's door for people, open where its token is in the environment. 0: a free
    one, written to ``DATA_DIR/run/operator.json``."""
    plan_url: str = ""
    """``http(s)://HOST:PORT`` of that door: the plan is read there instead of from Redis."""

    @field_validator("kafka")
    @classmethod
    def _kafka_is_an_address(cls, text: str) -> str:
        if text and not all(_HOST_PORT.fullmatch(part) for part in text.split(",")):
            raise ValueError(f"{text!r} is no Kafka address; accepted: HOST:PORT[,HOST:PORT]")
        return text

    @field_validator("redis")
    @classmethod
    def _redis_is_an_address_without_a_password(cls, text: str) -> str:
        if text and not _REDIS_URL.fullmatch(text):
            raise ValueError(
                "no Redis address; accepted: redis://HOST:PORT/0, without a password "
                f"(that one comes from {REDIS_PASSWORD_ENV})"
            )
        return text

    @field_validator("plan_url")
    @classmethod
    def _plan_url_is_an_origin(cls, text: str) -> str:
        if text and not _HTTP_ORIGIN.fullmatch(text):
            raise ValueError(
                f"{text!r} is no address of a plan door; accepted: http://HOST:PORT or https://..."
            )
        return text

    @field_validator("ray")
    @classmethod
    def _ray_is_an_address(cls, text: str) -> str:
        if text and text != "auto" and not _HOST_PORT.fullmatch(text.removeprefix("ray://")):
            raise ValueError(f"{text!r} is no Ray address; accepted: auto, HOST:PORT")
        return text


class Retention(Strict):
    interactions_s: Seconds = 14 * 86_400.0
    journal_s: Seconds = 7 * 86_400.0
    journal_mb: float = Field(default=2_000.0, gt=0.0)
    decisions_s: Seconds = 90 * 86_400.0
    decisions_mb: float = Field(default=200.0, gt=0.0)
    """What is older, or more, leaves Redis and the local copy for the archive beside the copy."""


class Prices(Strict):
    """What computing costs, in ``currency``; every cost signal is made of these."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "USD"
    cpu_core_hour: float = Field(default=0.05, ge=0.0)
    gpu_hour: float = Field(default=2.0, ge=0.0)
    memory_gb_hour: float = Field(default=0.005, ge=0.0)


class Prewarming(Strict):
    """What `prewarm_cache` may do at most; Redis and users' requests bear it beside their own."""

    most_users: int = Field(default=500, ge=1, le=100_000)
    users_per_s: float = Field(default=50.0, ge=0.1, le=1_000.0)


class Hedge(Strict):
    """When the fallback answers for an arm slower than usual (`serving/routing/hedge.py`)."""

    after_ms: float = Field(default=40.0, ge=30.0, le=60_000.0)
    """Never sooner than this after the arm was asked."""
    most_share: float = Field(default=0.1, gt=0.0, le=0.1)
    """Of the requests that ask an arm outside the router."""


class Objective(Strict):
    """A service-level objective: the share ``target`` of events (or of minutes) must be good.

    ``availability``: a request that got a slate. ``latency``: one answered within ``threshold``
    ms. ``ctr_uplift``: a minute in which no click-through ``threshold`` (a share, e.g. -0.05)
    below the control is proven. ``cost``: a minute below ``threshold`` per 1,000 slates.
    """

    indicator: Literal["availability", "latency", "ctr_uplift", "cost"]
    target: float = Field(gt=0.0, lt=1.0)
    threshold: float | None = None
    window_s: float = Field(default=30 * 86_400.0, ge=3_600.0, le=90 * 86_400.0)

    @model_validator(mode="after")
    def _threshold_fits_the_indicator(self) -> Objective:
        if self.indicator == "availability" and self.threshold is not None:
            raise ValueError("availability takes no threshold")
        if self.indicator in ("latency", "cost") and not (self.threshold or 0.0) > 0.0:
            unit = "ms" if self.indicator == "latency" else "money per 1,000 slates"
            raise ValueError(f"{self.indicator} needs a threshold; accepted: {unit}, above 0")
        return self


class Settings(Strict):
    """The whole file. Paths are relative to the file's folder."""

    version: Literal[1] = 1
    service: Name = "recommender"
    region: Name = "local"
    arms: dict[Name, Arm] = Field(
        default_factory=lambda: {
            "primary": Arm(share=1.0),
            "fallback": Arm(share=0.0, in_process=True),
        }
    )
    fallback_arm: Name = "fallback"
    control_share: Share = 0.02
    probe_per_s: float = Field(default=5.0, ge=0.0, le=1_000.0)
    request_deadline_ms: float = Field(default=200.0, gt=0.0, le=60_000.0)
    slate_size: int = Field(default=10, ge=1, le=100)
    cache_ttl_s: float = Field(default=30.0, ge=0.0)
    prewarm: Prewarming = Prewarming()
    hedge: Hedge | None = None
    """None: users wait for the arm drawn until its deadline."""
    attribution_window_s: Seconds = 600.0
    """W: outcomes mature this long after the draw, for all arms alike."""
    feature_groups: tuple[Name, ...] = ("user_recent", "item_hour")
    segments: dict[Name, tuple[str, ...]] = Field(default={"platform": ("ios", "android", "web")})
    partitions: int = Field(default=1, ge=1, le=1_000)
    tally_workers: int = Field(default=0, ge=0, le=64)
    """Processes that count served requests and outcomes, each its share of the partitions; 0: the
    controller counts them itself."""
    input_sample_share: Share = 0.2
    """Share of served rows that carry the model's input row (for drift)."""
    prices: Prices = Prices()
    objectives: dict[Name, Objective] = Field(
        default_factory=lambda: {
            "availability": Objective(indicator="availability", target=0.999),
            "latency": Objective(indicator="latency", target=0.95, threshold=200.0),
        }
    )
    false_actions: Annotated[str, Field(pattern=r"^[1-9]\d{0,5} per [1-9]\d{0,5}(h|d)$")] = (
        "1 per 60d"
    )
    """How many false actions over all rules that act are affordable; `calibrate` checks them."""
    false_drift_per_day: float = Field(default=1.0, gt=0.0, le=1_000.0)
    """How many false drift decisions a day are affordable, over all inputs of all arms."""
    playbooks: Path = Path("playbooks")
    data_dir: Path = Path(".selfright")
    broker_memory_mb: float = Field(default=512.0, gt=0.0)
    """The embedded broker is recycled beyond this."""
    faults_enabled: bool = False
    """Arms and the feature pipeline obey ``DATA_DIR/faults.json`` (live simulation only)."""
    endpoints: Endpoints = Endpoints()
    retention: Retention = Retention()
    adoption_timeout_s: Seconds = 10.0
    approval_expires_s: Seconds = 3_600.0
    oscillation_limit: int = Field(default=6, ge=2, le=64)
    remind_after_s: Seconds = 14_400.0
    """The owner of a playbook is told once of an incident that is open for so long."""
    limits: ServiceLimits = ServiceLimits()
    approvers: dict[Name, tuple[Person, ...]] = Field(default={})
    """Role to the names of the people in it."""
    approval_roles: dict[
        Literal["traffic", "capacity", "work", "models", "default"],
        Annotated[tuple[Person, ...], Field(min_length=1)],
    ] = Field(default={})
    """Budget class of an action to who may approve it: names, roles, or ``owner``, the playbook's
    own. ``default`` is for the other classes; without it they are everybody's."""

    @field_validator("playbooks", "data_dir")
    @classmethod
    def _paths_hold_no_zero_character(cls, path: Path) -> Path:
        if "\0" in str(path):
            raise ValueError("a zero character in a path; accepted: the name of a folder")
        return path

    @model_validator(mode="after")
    def _arms_fit_together(self) -> Settings:
        if self.fallback_arm not in self.arms:
            raise ValueError(f"fallback_arm {self.fallback_arm!r} is not one of {list(self.arms)}")
        if self.arms[self.fallback_arm].url:
            raise ValueError(
                f"fallback_arm {self.fallback_arm!r} has a url; accepted: one that answers in the "
                "router, for it is the last resort"
            )
        if abs(sum(arm.share for arm in self.arms.values()) - 1.0) > 1e-9:
            raise ValueError("the shares of all arms must sum to 1")
        return self

    @model_validator(mode="after")
    def _owner_is_no_role(self) -> Settings:
        if OWNER in self.approvers:
            raise ValueError(f"approvers: {OWNER!r} means a playbook's owner; name it otherwise")
        return self

    @property
    def false_action_every_s(self) -> float:
        """The mean time between false actions that ``false_actions`` affords."""
        rate = rate_of(self.false_actions)
        return rate.per_s / rate.count

    def baseline_plan(self, head: str) -> Plan:
        """What routers obey before any plan was published: epoch 0, so any published is newer."""
        return Plan(
            service=self.service,
            epoch=0,
            revision=0,
            head=head,
            at_s=0.0,
            arms={
                name: ArmPlan(arm.version, arm.share, arm.deadline_ms, arm.replicas)
                for name, arm in self.arms.items()
            },
            control_share=self.control_share,
            control_arm=self.fallback_arm,
            request_deadline_ms=self.request_deadline_ms,
            cache_ttl_s=self.cache_ttl_s,
        )

    def for_judge(self, catalogue: Catalogue) -> JudgeSettings:
        """The part the judge is handed in `Loaded`, with what it must know of each signal."""
        return JudgeSettings(
            service=self.service,
            arms={
                name: ArmSettings(
                    arm.version, arm.share, arm.deadline_ms, arm.in_process, arm.capacity_per_s
                )
                for name, arm in self.arms.items()
            },
            fallback_arm=self.fallback_arm,
            control_share=self.control_share,
            probe_per_s=self.probe_per_s,
            request_deadline_ms=self.request_deadline_ms,
            cache_ttl_s=self.cache_ttl_s,
            label_values={
                "arm": tuple(self.arms),
                "feature_group": self.feature_groups,
                "slo": tuple(self.objectives),
            },
            default_windows_s={
                name: spec.default_window_s for name, spec in catalogue.specs.items()
            },
            signal_maxima={
                name: spec.maximum
                for name, spec in catalogue.specs.items()
                if spec.maximum is not None
            },
            concurrent_signals=tuple(
                name for name, spec in catalogue.specs.items() if spec.compares_arms
            ),
            drift_signals=tuple(name for name, spec in catalogue.specs.items() if spec.is_drift),
            adoption_timeout_s=self.adoption_timeout_s,
            approval_expires_s=self.approval_expires_s,
            oscillation_limit=self.oscillation_limit,
            remind_after_s=self.remind_after_s,
            limits=self.limits.for_judge(),
            approvers=Approvers(
                dict(self.approvers), {str(name): who for name, who in self.approval_roles.items()}
            ),
        )
