"""The OpenAPI document, made from the pydantic schemas, and a page to read it in a browser.

The page is self-contained: no script or style comes from elsewhere.
"""

from __future__ import annotations

import html
import json
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from serving.requests import (
    FeedbackRequest,
    FeedbackResponse,
    HealthResponse,
    RecommendRequest,
    RecommendResponse,
    Refusal,
)

_REFERENCE = "#/components/schemas/{model}"
_SCHEMAS: tuple[type[BaseModel], ...] = (
    RecommendRequest,
    RecommendResponse,
    FeedbackRequest,
    FeedbackResponse,
    HealthResponse,
    Refusal,
)


def openapi_document(service: str, segments: dict[str, tuple[str, ...]]) -> dict[str, Any]:
    """OpenAPI 3.1 of one service. ``segments`` are named in the text of `/recommend`."""
    _, definitions = models_json_schema(
        [(schema, "validation") for schema in _SCHEMAS], ref_template=_REFERENCE
    )
    accepted = "; ".join(f"{name}: {', '.join(values)}" for name, values in segments.items())
    return {
        "openapi": "3.1.0",
        "info": {"title": f"Selfright: {service}", "version": "1"},
        "paths": {
            "/recommend": {
                "post": _operation(
                    "A slate for a user",
                    f"Always a valid slate. Segments: {accepted or 'none'}. The header "
                    "`x-request-deadline-ms` states how long the client waits.",
                    RecommendRequest,
                    {200: RecommendResponse, 400: Refusal, 413: Refusal, 422: Refusal},
                )
            },
            "/feedback": {
                "post": _operation(
                    "What the user did with a slate",
                    "Takes nothing without the token of a slate, and nothing after it expired.",
                    FeedbackRequest,
                    {202: FeedbackResponse, 400: Refusal, 401: Refusal, 413: Refusal, 422: Refusal},
                )
            },
            "/health": {"get": _operation("Alive", "", None, {200: HealthResponse})},
        },
        "components": {"schemas": definitions["$defs"]},
    }


def docs_page(document: dict[str, Any]) -> str:
    """One HTML page with every operation and schema."""
    rows = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            answers = ", ".join(
                f"{status} {answer['description']}"
                for status, answer in operation["responses"].items()
            )
            rows.append(
                f"<h2><code>{method.upper()} {html.escape(path)}</code></h2>"
                f"<p>{html.escape(operation['summary'])}. {html.escape(operation['description'])}"
                f"</p><p>Answers: {html.escape(answers)}</p>"
            )
    schemas = "".join(
        f"<details><summary><code>{name}</code></summary>"
        f"<pre>{html.escape(json.dumps(schema, indent=2))}</pre></details>"
        for name, schema in document["components"]["schemas"].items()
    )
    title = html.escape(document["info"]["title"])
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        "<style>body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;"
        "padding:0 1rem}pre{background:#f5f5f5;padding:1rem;overflow:auto}</style>"
        f"<h1>{title}</h1>{''.join(rows)}<h2>Schemas</h2>{schemas}"
        '<p><a href="openapi.json">openapi.json</a></p></html>'
    )


_MEANING = {
    200: "done",
    202: "taken",
    400: "not JSON",
    401: "token forged or expired",
    413: "body over 64 kB",
    422: "does not fit the schema",
}


def _operation(
    summary: str,
    description: str,
    body: type[BaseModel] | None,
    answers: dict[int, type[BaseModel]],
) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": summary,
        "description": description,
        "responses": {
            str(status): {"description": _MEANING[status], "content": _content(schema)}
            for status, schema in answers.items()
        },
    }
    if body is not None:
        operation["requestBody"] = {"required": True, "content": _content(body)}
    return operation


def _content(schema: type[BaseModel]) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": _REFERENCE.format(model=schema.__name__)}}}
