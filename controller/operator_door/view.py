"""What people see through the door: the open approvals, and a short status."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from controller.errors import BadInput
from controller.ports import PlanStore
from controller.shell.readings_file import read_readings


def approvals(store: PlanStore) -> list[Mapping[str, Any]]:
    """The open ones, oldest first, as the judge keeps them. Raise Unavailable."""
    _, state = _stored(store)
    found: list[Mapping[str, Any]] = state["approvals"] if state else []
    return sorted(found, key=lambda each: float(each["asked_at_s"]))


def status(store: PlanStore, data_dir: Path) -> dict[str, Any]:
    """Plan, incidents, freezes, overrides and approvals as stored; this controller as it last
    wrote. Raise Unavailable."""
    plan, state = _stored(store)
    return {
        "controller": _controller(data_dir),
        "plan": plan,
        "bundle": state.get("bundle", {}) if state else {},
        "incidents": [_incident(each) for each in state["incidents"]] if state else [],
        "freezes": state["freezes"] if state else [],
        "overrides": state["overrides"] if state else [],
        "approvals": state["approvals"] if state else [],
    }


def _stored(store: PlanStore) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    stored = store.load()
    if stored is None:
        return None, None
    plan = json.loads(stored.plan) if stored.plan else None
    return plan, json.loads(stored.state) if stored.state else None


def _incident(incident: Mapping[str, Any]) -> dict[str, Any]:
    """Without its text and timers: who wants those reads the decision log."""
    kept = ("id", "target", "phase", "phase_since_s", "opened_at_s", "acknowledged_by", "claims")
    playbook = incident["playbook"]
    named = {"playbook": playbook["name"], "playbook_sha256": playbook["sha256"]}
    return {**named, **{name: incident[name] for name in kept}}


def _controller(data_dir: Path) -> dict[str, Any] | None:
    try:
        found = read_readings(data_dir)
    except BadInput:  # caught between two writes, or gone: the rest is worth showing
        return None
    if found is None:
        return None
    return {name: value for name, value in found.items() if name != "readings"}
