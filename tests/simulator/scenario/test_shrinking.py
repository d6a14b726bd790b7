"""A failing scenario becomes as short and simple as it can while it still fails."""

from __future__ import annotations

from typing import Any

from simulator.scenario.loading import scenario_from_document
from simulator.scenario.shrinking import shrunk
from simulator.scenario.units import span_s

MIX: dict[str, Any] = {
    "version": 1,
    "scenario": "mix",
    "why": "Three faults of which one matters.",
    "duration": "12m",
    "settings": {"cache_ttl_s": 7},
    "traffic": {"rate": "20/s", "burstiness": 0.4},
    "users": {"users": 100},
    "service": {"routers": 2},
    "faults": [
        {"slow_primary": {"at": "60s", "for": "90s"}},
        {"errors": {"at": "200s", "for": "100s"}},
        {"store_outage": {"at": "310s", "for": "30s"}},
    ],
    "deploys": [{"at": "1m", "what": "x"}],
    "expect": [{"acts": {"playbook": "slow-primary", "action": "route", "of": 1, "within": "9s"}}],
}


def _names(document: dict[str, Any]) -> list[str]:
    return [name for entry in document.get("faults", []) for name in entry]


def test_what_does_not_matter_goes_and_the_rest_is_short() -> None:
    asked: list[dict[str, Any]] = []

    def fails(document: dict[str, Any]) -> bool:
        asked.append(document)
        return "errors" in _names(document)

    smallest = shrunk(MIX, fails, tries_max=100)
    assert _names(smallest) == ["errors"]
    assert span_s(smallest["duration"]) <= 370.0
    assert span_s(smallest["faults"][0]["errors"]["for"]) < 15.0
    assert smallest["traffic"] == {"rate": "20/s"}
    assert not {"users", "service", "settings", "deploys", "expect"} & smallest.keys()
    assert all(scenario_from_document(each) for each in asked)


def test_what_matters_stays() -> None:
    def fails(document: dict[str, Any]) -> bool:
        pair = {"errors", "store_outage"} <= set(_names(document))
        return pair and document.get("service", {}).get("routers") == 2

    smallest = shrunk(MIX, fails, tries_max=100)
    assert _names(smallest) == ["errors", "store_outage"]
    assert smallest["service"] == {"routers": 2}


def test_without_a_simpler_failure_the_document_is_the_answer() -> None:
    assert shrunk(MIX, lambda document: False) == MIX


def test_the_number_of_tries_is_bounded() -> None:
    tries = 0

    def fails(document: dict[str, Any]) -> bool:
        nonlocal tries
        tries += 1
        return True

    shrunk(MIX, fails, tries_max=5)
    assert tries == 5
