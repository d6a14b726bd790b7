"""Reads `selfright.yaml` (JSON is YAML too) into `Settings`, with located one-line errors.

The environment wins over the file: ``SELFRIGHT_KAFKA``, ``SELFRIGHT_REDIS``, ``SELFRIGHT_RAY``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from controller.errors import BadInput
from controller.settings import Endpoints, Settings
from controller.yaml_file import YamlDocument, read_documents

ENDPOINT_ENVS = {
    "kafka": "SELFRIGHT_KAFKA",
    "redis": "SELFRIGHT_REDIS",
    "ray": "SELFRIGHT_RAY",
}


def read_settings(path: Path, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read, check and resolve a settings file; relative paths start at its folder.

    Raises BadInput naming file, line, field and what is accepted.
    """
    document = _one_mapping(path)
    try:
        settings = Settings.model_validate(document.value)
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


def _one_mapping(path: Path) -> YamlDocument:
    documents = read_documents(path)
    if len(documents) != 1 or not isinstance(documents[0].value, dict):
        raise BadInput(
            "must be a mapping that starts with `version: 1`, and the only document", file=str(path)
        )
    return documents[0]


def _located(error: ValidationError, document: YamlDocument, path: Path) -> BadInput:
    first = error.errors()[0]
    place = [part for part in first["loc"] if part != "[key]"]
    what = " ".join(str(first["msg"]).removeprefix("Value error, ").split())
    if first["type"] == "extra_forbidden":
        known = sorted(_fields_beside(place))
        what = "unknown field" + (f"; accepted: {', '.join(known)}" if known else "")
    shown = ".".join(ascii(part)[1:-1] if isinstance(part, str) else str(part) for part in place)
    line = _line_of(document, place)
    return BadInput(what, file=str(path), line=line, field=shown)


def _line_of(document: YamlDocument, place: list[Any]) -> int | None:
    """Of the innermost key on the way to ``place`` that is there."""
    ways = (tuple(place[:length]) for length in range(len(place), 0, -1))
    return next((document.key_lines[way] for way in ways if way in document.key_lines), None)


def _fields_beside(place: list[Any]) -> list[str]:
    model: Any = Settings
    for part in place[:-1]:
        annotation = model.model_fields[part].annotation if part in model.model_fields else None
        if not hasattr(annotation, "model_fields"):
            return []
        model = annotation
    return list(model.model_fields)
