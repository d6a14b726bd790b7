"""What `limits:` of `selfright.yaml` may say, and the kinds of value that settings are made of."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from controller.core.limits import Cap, Limits, Rate

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_\-]{0,62}$")]
RateText = Annotated[str, Field(pattern=r"^[1-9]\d{0,2} per [1-9]\d{0,3}(s|m|h|d)$")]


class Strict(BaseModel):
    """Unknown fields are refused, and so are numbers without end."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


_SPAN_S = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}


class ClassLimits(Strict):
    """Rolling budgets by class of action; the classes are in `playbooks/README.md`."""

    traffic: RateText = "12 per 1h"
    capacity: RateText = "12 per 1h"
    work: RateText = "12 per 1h"
    models: RateText = "4 per 1d"


class AllServices(Strict):
    """A cap shared by every service that names it so and uses the same Redis."""

    name: Name
    actions: RateText

    @field_validator("actions")
    @classmethod
    def _spans_are_bounded(cls, text: str) -> str:
        return _bounded(text)

    def for_judge(self) -> Cap:
        return Cap(self.name, rate_of(self.actions))


class ServiceLimits(Strict):
    """What all playbooks together may do; `selfright budget` shows what is left."""

    actions: RateText = "24 per 1h"
    by_class: ClassLimits = ClassLimits()
    per_target: RateText = "8 per 1h"
    storm: RateText = "12 per 10m"
    """More incidents than this that act freeze everything for the span, and page."""
    all_services: AllServices | None = None
    """What this service and others may do together; none: no such cap."""
    most_moved_share: Share = 1.0
    """Traffic away from its baseline at any one time."""
    fewest_healthy_arms: int = Field(default=1, ge=0, le=16)
    region_segment: Name = "region"
    most_utilization: float = Field(default=0.70, gt=0.0, le=1.0)

    @field_validator("actions", "per_target", "storm")
    @classmethod
    def _spans_are_bounded(cls, text: str) -> str:
        return _bounded(text)

    def for_judge(self) -> Limits:
        return Limits(
            actions=rate_of(self.actions),
            per_class={
                name: rate_of(getattr(self.by_class, name)) for name in ClassLimits.model_fields
            },
            per_target=rate_of(self.per_target),
            storm=rate_of(self.storm),
            all_services=self.all_services.for_judge() if self.all_services else None,
            most_moved_share=self.most_moved_share,
            fewest_healthy_arms=self.fewest_healthy_arms,
            region_segment=self.region_segment,
            most_utilization=self.most_utilization,
        )


def _bounded(text: str) -> str:
    if rate_of(text).per_s > 30 * _SPAN_S["d"]:
        raise ValueError(f"{text!r} spans more than 30d; accepted: up to 30d")
    return text


def rate_of(text: str) -> Rate:
    """``12 per 1h`` as a rolling budget. Raise ValueError on another text."""
    count, _, span = text.partition(" per ")
    return Rate(int(count), float(span[:-1]) * _SPAN_S[span[-1]])
