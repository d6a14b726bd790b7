"""The file beside the router by which a person sets shares without Redis and without controller.

``DATA_DIR/override.json``: ``{"shares": {"fallback": 1.0}, "who": "ann", "expires_at_s": 1.9e9}``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from controller.core.plan import Plan
from controller.errors import BadInput
from serving.routing.table import Override, override_fault

OVERRIDE_FILE = "override.json"


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    shares: dict[str, Annotated[float, Field(ge=0.0, le=1.0)]]
    who: Annotated[str, Field(min_length=1, max_length=128)]
    expires_at_s: float


def read_override(path: Path, plan: Plan) -> Override | None:
    """None without a file. Raise BadInput for one that cannot be obeyed."""
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}", file=str(path)) from None
    try:
        document = _Document.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise BadInput(first["msg"], file=str(path), field=place) from None
    override = Override(document.shares, document.who, document.expires_at_s)
    fault = override_fault(override, plan)
    if fault is not None:
        raise BadInput(fault, file=str(path), field="shares")
    return override
