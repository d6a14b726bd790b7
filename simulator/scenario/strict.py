"""The two kinds of mapping in a scenario: fixed keys, and one key that says which kind it is."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


class Strict(BaseModel):
    """Unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class OneOf(Strict):
    """``- slow_primary: {…}``: every field is a kind, and exactly one is given."""

    @model_validator(mode="before")
    @classmethod
    def _exactly_one(cls, value: Any) -> Any:
        if isinstance(value, dict) and len(value) != 1:
            keys = ", ".join(map(str, value)) or "nothing"
            raise ValueError(f"has {keys}; accepted: one of {', '.join(cls.model_fields)}")
        if isinstance(value, dict) and None in value.values():
            raise ValueError(f"{next(iter(value))} is empty; accepted: a mapping of its parameters")
        return value

    @property
    def chosen(self) -> tuple[str, Any]:
        """Which kind, and what it says."""
        return next((k, v) for k, v in self if v is not None)
