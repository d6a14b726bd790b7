"""The bodies of the HTTP interface, as pydantic schemas: validation and OpenAPI come from them.

Knows no HTTP and no router. Every refusal is one line: where, what, what is accepted.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr, ValidationError

from controller.errors import BadInput

LARGEST_SLATE = 100
LARGEST_BODY_BYTES = 64 * 1024
Text = Annotated[StrictStr, Field(min_length=1, max_length=128)]
Position = Annotated[StrictInt, Field(ge=0, lt=LARGEST_SLATE)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RecommendRequest(_Body):
    """Who asks, for how many items, and from where."""

    user_id: Text | StrictInt
    """Any stable name of the user; it leaves the process only as a keyed hash."""
    k: Annotated[StrictInt, Field(ge=1, le=LARGEST_SLATE)] | None = None
    """How many items; the service's slate size if absent."""
    segments: dict[Text, Text] = Field(default_factory=dict, max_length=16)
    """Segment columns, such as ``{"platform": "ios"}``; names and values are settings."""
    session_id: Text | None = None
    product_feature_id: Text | None = None
    """The place in the product that shows the slate."""
    bot: bool = False


class ScoredItem(_Body):
    item_id: str
    score: float


class RecommendResponse(_Body):
    """A slate, best first, and the token its feedback needs."""

    request_id: str
    items: list[ScoredItem]
    served_by: str
    """The arm that answered."""
    arm: str
    """The arm drawn, which the answer is charged to; empty for a request that was shed."""
    model_version: str
    degraded: bool
    """Answered by another arm than the one drawn, by the last resort, or late."""
    token: str


class FeedbackRequest(_Body):
    """What the user did with a slate."""

    token: Annotated[StrictStr, Field(min_length=1, max_length=8192)]
    clicked_positions: list[Position] = Field(default_factory=list, max_length=LARGEST_SLATE)
    """From 0, the top of the slate."""
    viewed_positions: list[Position] | None = Field(default=None, max_length=LARGEST_SLATE)
    kind: Literal["click", "view", "dwell", "revenue", "conversion"] = "click"
    value: Annotated[float, Field(allow_inf_nan=False)] | None = None
    """Seconds for ``dwell``, money for ``revenue``."""
    event_id: Annotated[StrictStr, Field(pattern=r"^[0-9a-f]{32}$")] | None = None
    """Sent again, the same id counts once. Derived from the content if absent."""


class FeedbackResponse(_Body):
    event_id: str


class HealthResponse(_Body):
    status: Literal["ok"]
    plan_epoch: int
    plan_revision: int


class Refusal(_Body):
    error: str
    """One line: where, what, what is accepted."""


class NotJson(BadInput):
    """The body is no JSON at all."""


BodyT = TypeVar("BodyT", bound=BaseModel)


def parse_body(schema: type[BodyT], body: bytes) -> BodyT:
    """Raise NotJson for a body that is no JSON, BadInput for one that does not fit."""
    try:
        return schema.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        if first["type"] == "json_invalid":
            raise NotJson(first["msg"], field="body") from None
        if first["type"] == "extra_forbidden":
            accepted = ", ".join(schema.model_fields)
            raise BadInput(f"unknown field; accepted: {accepted}", field=place) from None
        raise BadInput(first["msg"], field=place or "body") from None


def check_segments(segments: dict[str, str], accepted: dict[str, tuple[str, ...]]) -> None:
    """Raise BadInput for a segment or value the settings do not name."""
    for name, value in segments.items():
        if name not in accepted:
            raise BadInput(
                f"unknown segment; accepted: {', '.join(accepted)}", field=f"segments.{name}"
            )
        if value not in accepted[name]:
            raise BadInput(
                f"{value!r} is not one of {', '.join(accepted[name])}", field=f"segments.{name}"
            )
