"""The one way in which a line of the decision log is read for people: checked, or refused.

Whether a record is still what was sealed is `verify`'s to say; here it only is a record.
"""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from controller.errors import BadInput

NESTED_MAX = 32
SHOWN_CHARACTERS_MAX = 60
YEAR_9999_S = 253_370_764_800.0
_MODEL_NAME = re.compile(r" or instance of \w+")
ACCEPTED = "accepted: a line as `selfright decisions list --json` prints it"

_Number = Annotated[float, Field(allow_inf_nan=False)]
_Count = Annotated[int, Field(ge=0, lt=1 << 63)]
_Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Part(BaseModel):
    """Keys that only later releases write are let through."""

    model_config = ConfigDict(strict=True, extra="allow")


class _Condition(_Part):
    text: str
    met: Literal["met", "not met", "unknown"]
    value: _Number | None
    threshold: _Number
    margin: _Number | None
    sample_size: _Count
    state: str
    held_s: _Number
    sentence: str


class _Refusal(_Part):
    guard: str
    sentence: str


class _Loser(_Part):
    playbook: str
    why: str


class _Claim(_Part):
    owner: str
    kind: str
    priority: int
    since_s: _Number
    source: str = ""
    target: str = ""
    share: _Number = 0.0
    shares: dict[str, _Number] = Field(default_factory=dict)


class _Cause(_Part):
    kind: str
    what: str
    share: _Number | None
    support: _Count
    sentence: str


class _Details(_Part):
    causes: list[_Cause] = Field(default_factory=list)
    moves: list[str] = Field(default_factory=list)
    accepted: bool = True


class _Record(_Part):
    id: str
    at_s: Annotated[float, Field(ge=0.0, lt=YEAR_9999_S, allow_inf_nan=False)]
    epoch: _Count
    revision: _Count
    service: str
    phase: str
    sentence: str
    incident: str | None
    playbook: str | None
    playbook_sha256: str | None
    conditions: list[_Condition]
    guards: list[_Refusal]
    losers: list[_Loser]
    claims_before: list[_Claim]
    claims_after: list[_Claim]
    expected: str | None
    autonomy: str
    enforced: bool
    command_id: str | None
    details: _Details
    prev_hash: _Hash
    hash: _Hash


def record_of(line: bytes, file: str, number: int | None) -> dict[str, Any]:
    """The document of a sealed line, just as it was parsed.

    Raise BadInput naming ``file``, line ``number`` and field for what is no record.
    """
    try:
        document = json.loads(line, object_pairs_hook=_each_key_once)
        _check_plain(document, NESTED_MAX)
        json.dumps(document, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        what = f"is not a record: {_short(str(error))}; {ACCEPTED}"
        raise BadInput(what, file=file, line=number) from None
    try:
        _Record.model_validate(document)
    except ValidationError as error:
        raise _refused(error, file, number) from None
    found: dict[str, Any] = document
    return found


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("it says a key twice")
    return found


def _check_plain(value: Any, levels: int) -> None:
    """Views go down into all that is nested, so its depth has an end."""
    if isinstance(value, dict | list):
        if levels == 0:
            raise ValueError(f"it is nested deeper than {NESTED_MAX} levels")
        for each in value.values() if isinstance(value, dict) else value:
            _check_plain(each, levels - 1)


def _refused(error: ValidationError, file: str, number: int | None) -> BadInput:
    first = error.errors(include_url=False, include_context=False)[0]
    field = ".".join(map(str, first["loc"]))
    if first["type"] == "missing":
        what = "is not a record: the key is not there"
    else:
        given = _short(json.dumps(first["input"], ensure_ascii=True))
        asked = _MODEL_NAME.sub("", first["msg"].removeprefix("Input should be "))
        what = f"is not a record: {given} is not {asked}"
    return BadInput(f"{what}; {ACCEPTED}", file=file, line=number, field=field)


def _short(text: str) -> str:
    if len(text) <= SHOWN_CHARACTERS_MAX:
        return text
    return text[:SHOWN_CHARACTERS_MAX] + "…"
