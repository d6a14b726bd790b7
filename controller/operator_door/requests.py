"""From a request's body to a command. Nothing is accepted silently: unknown and repeated keys,
numbers that are none, and texts with control characters are refused by name.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from controller.core.commands import VERBS
from controller.operator_door.refusal import Reason, Refusal
from controller.settings import PERSON_PATTERN
from controller.shell.commanding import Command

BODY_BYTES_MAX = 16_384
TARGET_CHARACTERS_MAX = 500
EXPIRES_S_DEFAULT = 30.0
EXPIRES_S_MAX = 300.0
_ACCEPTED = {
    "command_id": "1 to 64 letters, digits, and . _ - (left out: a new one)",
    "verb": f"one of {', '.join(VERBS)}",
    "target": f"1 to {TARGET_CHARACTERS_MAX} characters, as `selfright status` shows it",
    "who": "your name: 1 to 64 letters, digits, spaces and . _ @ + -",
    "expires_in_s": f"seconds, 1 to {EXPIRES_S_MAX:g} (left out: {EXPIRES_S_DEFAULT:g})",
}

CommandId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._\-]{0,63}$")]


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("should match printable characters only")
    return text


Target = Annotated[
    str, Field(min_length=1, max_length=TARGET_CHARACTERS_MAX), AfterValidator(_printable)
]


class _Said(BaseModel):
    """What every command says. Strict: a number in quotes is no number."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    who: Annotated[str, Field(pattern=PERSON_PATTERN)]
    command_id: CommandId | None = None
    expires_in_s: Annotated[float, Field(ge=1.0, le=EXPIRES_S_MAX)] = EXPIRES_S_DEFAULT


class _Anything(_Said):
    verb: Annotated[str, Field(min_length=1)]
    target: Target


class Asked(BaseModel):
    """A command, and for how long it is repeated."""

    model_config = ConfigDict(frozen=True)

    command: Command
    expires_in_s: float


def read_command(body: bytes) -> Asked:
    """``{command_id?, verb, target, who, expires_in_s?}``. Raise Refusal."""
    said = _validated(_Anything, body)
    if said.verb not in VERBS:
        raise Refusal(Reason(422, f"{said.verb!r} is no verb", "verb", _ACCEPTED["verb"]))
    return _asked(said, said.verb, said.target)


def read_decision(body: bytes, verb: Literal["approve", "reject"], approval: str) -> Asked:
    """``{who, command_id?, expires_in_s?}`` about one approval. Raise Refusal."""
    said = _validated(_Said, body)
    if not 1 <= len(approval) <= TARGET_CHARACTERS_MAX or not approval.isprintable():
        raise Refusal(Reason(422, "no approval's id", "id", "as GET /v1/approvals lists it"))
    return _asked(said, verb, approval)


def _asked(said: _Said, verb: str, target: str) -> Asked:
    id_ = said.command_id or f"{verb}-{uuid.uuid4().hex[:12]}"
    return Asked(command=Command(id_, said.who, verb, target), expires_in_s=said.expires_in_s)


def _validated(model: type[Any], body: bytes) -> Any:
    try:
        return model.model_validate(_document(body))
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else ""
        known = name in model.model_fields
        what = "missing" if first["type"] == "missing" else str(first["msg"]).lower()
        accepted = _ACCEPTED[name] if known else ", ".join(model.model_fields)
        raise Refusal(Reason(422, what if known else "unknown key", name[:64], accepted)) from None


def _document(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(
            body.decode(), object_pairs_hook=_without_repeats, parse_constant=_no_number
        )
    except (ValueError, RecursionError) as error:
        detail = "nested too deep" if isinstance(error, RecursionError) else str(error)
        raise Refusal(Reason(400, f"the body is no JSON: {detail}", "", "a JSON object")) from None
    if not isinstance(found, dict):
        raise Refusal(Reason(400, "the body is no JSON object", "", "a JSON object"))
    return found


def _without_repeats(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key[:64]!r} stands there twice")
        found[key] = value
    return found


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number")
