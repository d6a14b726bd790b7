"""Reads `selfright.yaml` (JSON is YAML too) into `Settings`, with located one-line errors.

The environment wins over the file: ``SELFRIGHT_KAFKA``, ``SELFRIGHT_REDIS``, ``SELFRIGHT_RAY``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import MarkedYAMLError

from controller.errors import BadInput
from controller.settings import Endpoints, Settings

ENDPOINT_ENVS = {
    "kafka": "SELFRIGHT_KAFKA",
    "redis": "SELFRIGHT_REDIS",
    "ray": "SELFRIGHT_RAY",
}
_FILE_SIZE_MAX = 1_000_000


def read_settings(path: Path, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read, check and resolve a settings file; relative paths start at its folder.

    Raises BadInput naming file, line, field and what is accepted.
    """
    document = _read_yaml(path)
    try:
        settings = Settings.model_validate(document)
    except ValidationError as error:
        raise _located(error, document, path) from None
    return resolve(settings, path.resolve().parent, environ)


def resolve(settings: Settings, folder: Path, environ: Mapping[str, str] = os.environ) -> Settings:
    """Make paths absolute and let the environment name existing endpoints. Raises BadInput."""
    named = {field: environ.get(name, "") for field, name in ENDPOINT_ENVS.items()}
    resolved = settings.model_copy(
        update={"playbooks": folder / settings.playbooks, "data_dir": folder / settings.data_dir}
    )
    return with_endpoints(resolved, {field: value for field, value in named.items() if value})


def with_endpoints(settings: Settings, changed: Mapping[str, str | int]) -> Settings:
    """The same with other endpoints. Raises BadInput naming the field and what is accepted."""
    try:
        endpoints = Endpoints.model_validate({**settings.endpoints.model_dump(), **changed})
    except ValidationError as error:
        first = error.errors()[0]
        what = str(first["msg"]).removeprefix("Value error, ")
        raise BadInput(what, field=f"endpoints.{'.'.join(map(str, first['loc']))}") from None
    return settings.model_copy(update={"endpoints": endpoints})


def _read_yaml(path: Path) -> Any:
    try:
        if path.stat().st_size > _FILE_SIZE_MAX:
            raise BadInput(f"larger than {_FILE_SIZE_MAX} bytes", file=str(path))
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"cannot be read: {error}", file=str(path)) from None
    yaml = YAML(typ="rt", pure=True)  # round-trip keeps line numbers and builds no objects
    try:
        document = yaml.load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark
        line = None if mark is None else mark.line + 1
        raise BadInput(f"is not YAML: {error.problem}", file=str(path), line=line) from None
    if not isinstance(document, CommentedMap):
        raise BadInput("must be a mapping that starts with `version: 1`", file=str(path))
    return document


def _located(error: ValidationError, document: Any, path: Path) -> BadInput:
    first = error.errors()[0]
    place = [part for part in first["loc"] if part != "[key]"]
    what = str(first["msg"]).removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        known = sorted(_fields_beside(place))
        what = "unknown field" + (f"; accepted: {', '.join(known)}" if known else "")
    line = _line_of(document, place)
    return BadInput(what, file=str(path), line=line, field=".".join(map(str, place)))


def _line_of(document: Any, place: list[Any]) -> int | None:
    line = None
    node = document
    for part in place:
        if not isinstance(node, CommentedMap) or part not in node:
            break
        line = node.lc.key(part)[0] + 1
        node = node[part]
    return line


def _fields_beside(place: list[Any]) -> list[str]:
    model: Any = Settings
    for part in place[:-1]:
        annotation = model.model_fields[part].annotation if part in model.model_fields else None
        if not hasattr(annotation, "model_fields"):
            return []
        model = annotation
    return list(model.model_fields)
