"""A failing document made shorter and simpler for as long as it still fails (delta debugging).

What failing means is the caller's: the same kind of failure as before.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

from controller.errors import BadInput
from controller.language.quantities import duration_text
from simulator.scenario.loading import scenario_from_document
from simulator.scenario.units import span_s

TRIES_MAX = 40
LEAST_S = 60.0
AFTER_LAST_FAULT_S = 60.0

Document = dict[str, Any]
Fails = Callable[[Document], bool]


def shrunk(document: Document, fails: Fails, tries_max: int = TRIES_MAX) -> Document:
    """The simplest document found that still fails; ``document`` itself when none is.

    ``fails`` is asked at most ``tries_max`` times, and only of documents that can be loaded.
    """
    smallest, tries = document, 0
    improved = True
    while improved:
        improved = False
        for candidate in _simpler(smallest):
            if not _loads(candidate):
                continue
            if tries == tries_max:
                return smallest
            tries += 1
            if fails(candidate):
                smallest, improved = candidate, True
                break
    return smallest


def _simpler(document: Document) -> Iterator[Document]:
    """Each one step simpler, those that save most first."""
    yield from _without_one(document, "faults")
    yield from _without_one(document, "commands")
    yield from _without_one(document, "deploys")
    yield from _shorter(document)
    for key in ("users", "service", "settings"):
        if document.get(key):
            yield {name: value for name, value in document.items() if name != key}
    traffic = document.get("traffic", {})
    plain = {"rate": traffic["rate"]} if "rate" in traffic else {}
    if traffic != plain:
        yield {**document, "traffic": plain}
    yield from _shorter_faults(document)


def _without_one(document: Document, key: str) -> Iterator[Document]:
    """An expectation that names a fault by its place no longer holds, so these all go."""
    entries = document.get(key, [])
    for place in range(len(entries)):
        kept = [*entries[:place], *entries[place + 1 :]]
        changed = {**document, key: kept}
        if key == "faults":
            expect = [each for each in document.get("expect", []) if "acts" not in each]
            changed["expect"] = expect
        yield {name: value for name, value in changed.items() if value != []}


def _shorter(document: Document) -> Iterator[Document]:
    duration_s = span_s(document["duration"])
    last_s = max((_off_s(entry) for entry in document.get("faults", [])), default=0.0)
    for wanted_s in (last_s + AFTER_LAST_FAULT_S, duration_s / 2, duration_s * 3 / 4):
        whole_s = max(LEAST_S, float(round(wanted_s)))
        if last_s < whole_s < duration_s:
            yield {**document, "duration": duration_text(whole_s)}


def _shorter_faults(document: Document) -> Iterator[Document]:
    for place, entry in enumerate(document.get("faults", [])):
        ((name, parameters),) = entry.items()
        half_s = span_s(parameters["for"]) / 2
        if half_s >= 5.0:
            changed = copy.deepcopy(document)
            changed["faults"][place][name]["for"] = duration_text(float(round(half_s)))
            yield changed


def _off_s(entry: Document) -> float:
    ((_, parameters),) = entry.items()
    at = parameters["at"]
    return (0.0 if at == "0s" else span_s(at)) + span_s(parameters["for"])


def _loads(document: Document) -> bool:
    try:
        scenario_from_document(document)
    except BadInput:
        return False
    return True
