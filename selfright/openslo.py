"""Objectives as OpenSLO v1 documents and back (github.com/OpenSLO/OpenSLO).

OpenSLO names a query, not a meaning: the annotations ``selfright/indicator`` and
``selfright/threshold`` say which of our indicators it is. What we cannot express is refused.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML

from controller.adapters.prometheus import metric_name
from controller.errors import BadInput
from controller.settings import Objective, Settings
from controller.yaml_file import read_documents

API_VERSION = "openslo/v1"
INDICATOR, THRESHOLD = "selfright/indicator", "selfright/threshold"
_UNIT_S = {"m": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 604_800.0}
_NAME = re.compile(r"[a-z][a-z0-9_\-]{0,62}")
_OF_MINUTES = ("ctr_uplift", "cost")


def good_is(objective: Objective) -> str:
    """What a good event is, in words."""
    limit = objective.threshold or 0.0
    return {
        "availability": "a slate",
        "latency": f"a slate within {limit:g} ms",
        "ctr_uplift": f"a minute not proven below {limit:+.1%} uplift",
        "cost": f"a minute below {limit:g} per 1,000",
    }[objective.indicator]


def exported(settings: Settings) -> str:
    """All objectives, one document each. Raise BadInput for one that OpenSLO cannot express."""
    text = io.StringIO()
    yaml = YAML()
    yaml.explicit_start = True
    for name, objective in settings.objectives.items():
        yaml.dump(_document(name, objective, settings.service), text)
    return text.getvalue()


def _document(name: str, objective: Objective, service: str) -> dict[str, Any]:
    annotations: dict[str, str] = {INDICATOR: objective.indicator}
    if objective.threshold is not None:
        annotations[THRESHOLD] = f"{objective.threshold!r}"

    def metric(signal: str) -> dict[str, Any]:
        query = f'{metric_name(signal)}{{slo="{name}"}}'
        return {"metricSource": {"type": "Prometheus", "spec": {"query": query}}}

    goal: dict[str, Any] = {"displayName": good_is(objective), "target": objective.target}
    of_minutes = objective.indicator in _OF_MINUTES
    if of_minutes:
        goal |= {"timeSliceTarget": 1.0, "timeSliceWindow": "1m"}
    ratio = {
        "counter": False,
        "bad": metric("slo.bad_per_s"),
        "total": metric("slo.events_per_s"),
    }
    return {
        "apiVersion": API_VERSION,
        "kind": "SLO",
        "metadata": {"name": name, "annotations": annotations},
        "spec": {
            "service": service,
            "indicator": {"metadata": {"name": name}, "spec": {"ratioMetric": ratio}},
            "timeWindow": [
                {"duration": _duration(name, objective.window_s), "isRolling": True},
            ],
            "budgetingMethod": "Timeslices" if of_minutes else "Occurrences",
            "objectives": [goal],
        },
    }


def _duration(name: str, window_s: float) -> str:
    """In minutes, the smallest unit there is."""
    if window_s % 60.0:
        what = f"OpenSLO has no unit below a minute for {window_s:g} s; accepted: multiples of 60"
        raise BadInput(what, field=f"objectives.{name}.window_s")
    return f"{window_s / 60:.0f}m"


def imported(path: Path) -> dict[str, Objective]:
    """The SLOs of a file; other kinds are passed over. Raise BadInput for what does not fit."""
    documents = [d.value for d in read_documents(path) if d.value is not None]
    found: dict[str, Objective] = {}
    for at, document in enumerate(documents, 1):
        try:
            if _mapping(document, "document").get("kind") != "SLO":
                continue
            name, objective = _objective(document)
            _must(name not in found, f"{name} is there twice; accepted: each name once")
        except _Unfit as error:
            raise BadInput(str(error), file=str(path), field=f"document {at}") from None
        found[name] = objective
    if not found:
        raise BadInput("no document of kind SLO; accepted: OpenSLO v1", file=str(path))
    return found


class _Unfit(Exception):
    """One thing that cannot be expressed."""


def _must(holds: bool, otherwise: str) -> None:
    if not holds:
        raise _Unfit(otherwise)


def _mapping(found: Any, what: str) -> Mapping[str, Any]:
    _must(isinstance(found, Mapping), f"{what} must be a mapping")
    mapping: Mapping[str, Any] = found
    return mapping


def _only(found: Any, what: str) -> Mapping[str, Any]:
    fits = isinstance(found, list) and len(found) == 1
    _must(fits, f"{what}: accepted: a list of exactly one")
    return _mapping(found[0], what)


def _objective(document: Mapping[str, Any]) -> tuple[str, Objective]:
    version = document.get("apiVersion")
    _must(version == API_VERSION, f"apiVersion {version!r}; accepted: {API_VERSION}")
    metadata = _mapping(document.get("metadata"), "metadata")
    name, spec = str(metadata.get("name")), _mapping(document.get("spec"), "spec")
    _must(bool(_NAME.fullmatch(name)), f"name {name!r}; accepted: {_NAME.pattern}")
    notes = _mapping(metadata.get("annotations") or {}, "metadata.annotations")
    _must(
        INDICATOR in notes,
        f"metadata.annotations lacks {INDICATOR}, and a query does not say what it measures; "
        "accepted: availability, latency, ctr_uplift, cost",
    )
    goal = _only(spec.get("objectives"), "spec.objectives")
    fields: dict[str, Any] = {"indicator": notes[INDICATOR], "target": _target(goal)}
    if THRESHOLD in notes:
        fields["threshold"] = notes[THRESHOLD]
    if spec.get("timeWindow") is not None:
        fields["window_s"] = _window_s(_only(spec["timeWindow"], "spec.timeWindow"))
    _check_method(spec.get("budgetingMethod"), goal, notes[INDICATOR])
    try:
        return name, Objective.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        what = str(first["msg"]).removeprefix("Value error, ")
        raise _Unfit(f"{place}: {what}" if place else what) from None


def _target(goal: Mapping[str, Any]) -> float:
    target, percent = goal.get("target"), goal.get("targetPercent")
    _must((target is None) != (percent is None), "accepted: either target or targetPercent")
    found = target if percent is None else percent
    if not isinstance(found, int | float):
        raise _Unfit(f"target {found!r} is no number")
    return float(found) if percent is None else round(float(found) / 100.0, 12)


def _window_s(window: Mapping[str, Any]) -> float:
    is_rolling = window.get("isRolling") is True and "calendar" not in window
    _must(is_rolling, "a calendar window; accepted: one with isRolling: true")
    parsed = re.fullmatch(r"([1-9]\d{0,6})([mhdw])", str(window.get("duration")))
    if parsed is None:
        raise _Unfit(f"duration {window.get('duration')!r}; accepted: minutes to weeks, as 30d")
    return int(parsed[1]) * _UNIT_S[parsed[2]]


def _check_method(method: Any, goal: Mapping[str, Any], indicator: Any) -> None:
    wanted = "Timeslices" if indicator in _OF_MINUTES else "Occurrences"
    _must(method == wanted, f"budgetingMethod {method!r} of {indicator}; accepted: {wanted}")
    slice_ = goal.get("timeSliceWindow")
    _must(
        wanted == "Occurrences" or slice_ in ("1m", 1),
        f"timeSliceWindow {slice_!r}; accepted: 1m",
    )


def as_settings(objectives: Mapping[str, Objective]) -> str:
    """The ``objectives:`` block of selfright.yaml."""
    text = io.StringIO()
    block = {name: o.model_dump(exclude_none=True) for name, o in objectives.items()}
    YAML().dump({"objectives": block}, text)
    return text.getvalue()
