"""`selfright budget`: what automation may still do, and how each playbook did so far."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from controller.core.budgets import balances
from controller.core.guards import recent_acts, recent_flips
from controller.core.playbook import Playbook
from controller.core.state import JudgeState, Ledger, state_from_document
from controller.core.wording import duration
from controller.errors import BadInput
from selfright.running_stack import find_settings
from selfright.status_command import look
from selfright.terminal import SafeConsole, one_line_errors


def register(app: typer.Typer) -> None:
    """Add `budget` to ``app``."""
    app.command()(budget)


def budget(
    settings: Annotated[Path | None, typer.Option("--settings", show_default=False)] = None,
    data_dir: Annotated[Path | None, typer.Option("--data-dir")] = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """What is left of every budget, what cools down, and each playbook's track record."""
    with one_line_errors():
        found = look(find_settings(settings, data_dir))
        if found.state is None:
            raise BadInput(found.trouble or "no controller has led here yet: nothing is spent")
        state = state_from_document(found.state)
    left = left_of(state, time.time())
    if as_json:
        sys.stdout.write(json.dumps(left) + "\n")
    else:
        _print(left)


def left_of(state: JudgeState, at_s: float) -> dict[str, Any]:
    """Plain JSON types: ``service`` budgets, ``all_services`` (None without a cap), ``playbooks``
    and ``freezes``. Times in seconds."""
    if state.config is None:
        raise BadInput("the stored state names no settings")
    limits = state.config.settings.limits
    return {
        "at_s": at_s,
        "service": [
            {
                "budget": each.name,
                "used": each.used,
                "count": each.rate.count,
                "per_s": each.rate.per_s,
                "free_in_s": None if each.free_at_s is None else each.free_at_s - at_s,
            }
            for each in balances(state, limits, at_s)
        ],
        "all_services": _all_services(state, at_s),
        "playbooks": [
            _playbook(each, state, at_s)
            for each in sorted(state.config.playbooks, key=lambda each: each.name)
        ],
        "freezes": [
            {"what": m.what, "who": m.who, "until_s": m.until_s, "why": m.why}
            for m in state.freezes
        ],
    }


def _all_services(state: JudgeState, at_s: float) -> dict[str, Any] | None:
    """The cap several services share, as the store told of it last; None without a cap."""
    cap = state.config.settings.limits.all_services if state.config is not None else None
    if cap is None:
        return None
    heard = state.allowance
    return {
        "cap": cap.name,
        "count": cap.rate.count,
        "per_s": cap.rate.per_s,
        "used": None if heard is None else heard.used,
        "heard_s_ago": None if heard is None else at_s - heard.at_s,
        "free_in_s": None if heard is None else heard.free_at_s - at_s,
    }


def _playbook(playbook: Playbook, state: JudgeState, at_s: float) -> dict[str, Any]:
    ledger = next((x for x in state.ledgers if x.playbook == playbook.name), Ledger(playbook.name))
    guards = playbook.guards
    cooling = {
        target or playbook.name: since_s + guards.cooldown_s - at_s
        for target, since_s in ledger.cooldown_from_s.items()
        if since_s + guards.cooldown_s > at_s
    }
    return {
        "playbook": playbook.name,
        "autonomy": guards.autonomy.value,
        "used": len(recent_acts(ledger, at_s, guards.budget_per_s)),
        "count": guards.budget_count,
        "per_s": guards.budget_per_s,
        "flips_last_hour": len(recent_flips(ledger, at_s)),
        "cools_for_s": cooling,
        "track_record": dict(ledger.outcomes),
    }


def _print(left: dict[str, Any]) -> None:
    console = SafeConsole(highlight=False)
    service = Table(box=None, header_style="dim", pad_edge=False)
    for name in ("budget of the service", "left", "of", "the oldest is free in"):
        service.add_column(name)
    for row in left["service"]:
        free = "-" if row["free_in_s"] is None else duration(row["free_in_s"])
        service.add_row(row["budget"], _left(row), _rate(row), free)
    console.print(service)
    if left["all_services"] is not None:
        console.print(_shared(left["all_services"]))
    books = Table(box=None, header_style="dim", pad_edge=False)
    for name in ("playbook", "autonomy", "left", "of", "cools down", "flips", "track record"):
        books.add_column(name)
    for row in left["playbooks"]:
        cooling = ", ".join(f"{t} {duration(s)}" for t, s in row["cools_for_s"].items())
        record = ", ".join(f"{n} {outcome}" for outcome, n in row["track_record"].items())
        books.add_row(
            Text(row["playbook"], "bold"),
            row["autonomy"],
            _left(row),
            _rate(row),
            cooling or "-",
            str(row["flips_last_hour"]),
            Text(record or "has not fired yet", "" if record else "dim"),
        )
    console.print(books)
    for mark in left["freezes"]:
        console.print(Text(f"frozen: {mark['what']} by {mark['who']}: {mark['why']}", "magenta"))


def _shared(row: dict[str, Any]) -> str:
    said = f"all services together ({row['cap']}): "
    if row["used"] is None:
        return f"{said}{_rate(row)}; not asked yet"
    left = max(0, row["count"] - row["used"])
    return f"{said}{left} left of {_rate(row)}, as heard {duration(row['heard_s_ago'])} ago"


def _left(row: dict[str, Any]) -> Text:
    left = max(0, row["count"] - row["used"])
    return Text(str(left), "bold red" if not left else "green")


def _rate(row: dict[str, Any]) -> str:
    return f"{row['count']} per {duration(row['per_s'])}"
