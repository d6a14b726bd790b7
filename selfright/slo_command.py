"""`selfright slo`: what is left of each objective's error budget; OpenSLO and Prometheus files."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from controller.core.readings import SignalKey
from controller.errors import BadInput
from controller.monitors.monitor import label
from controller.settings import Objective
from controller.shell.readings_file import read_readings
from selfright import openslo, prometheus_rules
from selfright.running_stack import find_settings
from selfright.settings_at_hand import settings_at_hand
from selfright.terminal import SafeConsole, one_line_errors

SIGNALS = {
    "attained": ("slo.attained", 0.0),
    "budget_left": ("slo.budget_left", 0.0),
    "burn_1h": ("slo.burn_rate", 3_600.0),
    "burn_6h": ("slo.burn_rate_6h", 0.0),
    "burn_3d": ("slo.burn_rate_3d", 0.0),
}
STALE_S = 30.0
_UNKNOWN = {"value": None, "state": "unknown", "note": "the controller has written nothing of it"}

app = typer.Typer(help="Objectives and their error budgets.", invoke_without_command=True)
SettingsFile = Annotated[Path | None, typer.Option("--settings", show_default=False)]


class Format(StrEnum):
    OPENSLO = "openslo"
    PROMETHEUS = "prometheus"


def register(parent: typer.Typer) -> None:
    """Add the group `slo` to ``parent``."""
    parent.add_typer(app, name="slo")


@app.callback()
def slo(
    context: typer.Context,
    settings: SettingsFile = None,
    data_dir: Annotated[Path | None, typer.Option("--data-dir")] = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """What is left of each error budget, how fast it burns, and when it is gone."""
    if context.invoked_subcommand:
        return
    with one_line_errors():
        known = find_settings(settings, data_dir)
        document = read_readings(known.data_dir)
    rows = {name: _row(name, o, document) for name, o in known.objectives.items()}
    at_s = None if document is None else document["at_s"]
    if as_json:
        sys.stdout.write(json.dumps({"at_s": at_s, "objectives": rows}) + "\n")
        return
    console = SafeConsole(highlight=False)
    console.print(_table(known.objectives, rows))
    if at_s is None:
        console.print(Text("the controller has written nothing yet", "yellow"))
    elif time.time() - at_s > STALE_S:
        silent_s = time.time() - at_s
        console.print(Text(f"the controller is silent for {silent_s:.0f} s: old figures", "red"))


@app.command("export")
def export(
    to: Annotated[Format, typer.Option("--format")],
    output: Annotated[Path | None, typer.Option("--output", "-o", show_default=False)] = None,
    settings: SettingsFile = None,
) -> None:
    """Write the objectives as OpenSLO documents, or as rules for Prometheus."""
    with one_line_errors():
        known = settings_at_hand(settings)
        text = openslo.exported(known) if to is Format.OPENSLO else prometheus_rules.rules(known)
        if output is None:
            sys.stdout.write(text)
            return
        try:
            output.write_text(text, encoding="utf-8")
        except OSError as error:
            raise BadInput(f"cannot be written: {error.strerror}", file=str(output)) from None


@app.command("import")
def import_command(file: Annotated[Path, typer.Argument(help="OpenSLO YAML.")]) -> None:
    """Print the `objectives:` of an OpenSLO file, for selfright.yaml."""
    with one_line_errors():
        sys.stdout.write(openslo.as_settings(openslo.imported(file)))


def _row(name: str, objective: Objective, document: Mapping[str, Any] | None) -> dict[str, Any]:
    found = {} if document is None else {r["signal"]: r for r in document["readings"]}
    row: dict[str, Any] = objective.model_dump()
    for field, (signal, window_s) in SIGNALS.items():
        reading = found.get(str(SignalKey(signal, label("slo", name), window_s)), _UNKNOWN)
        row[field] = {part: reading[part] for part in ("value", "state", "note")}
    row["gone_in_s"] = gone_in_s(
        row["budget_left"]["value"], row["burn_1h"]["value"], objective.window_s
    )
    return row


def gone_in_s(left: float | None, burn: float | None, window_s: float) -> float | None:
    """Time until the budget is gone at this burn; None when it is not, or nobody knows.

    At a burn of 1 or less the window gives back as much as is used.
    """
    if left is None or burn is None:
        return None
    if left <= 0.0:
        return 0.0
    return left * window_s / burn if burn > 1.0 else None


def _table(objectives: Mapping[str, Objective], rows: Mapping[str, Any]) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in ("objective", "good is", "target", "window", "attained", "budget left"):
        table.add_column(name)
    for name in ("burn 1h", "6h", "3d", "gone in", ""):
        table.add_column(name)
    for name, objective in objectives.items():
        row = rows[name]
        left = row["budget_left"]["value"]
        style = "dim" if left is None else "bold red" if left <= 0.0 else "green"
        table.add_row(
            Text(name, "bold"),
            openslo.good_is(objective),
            f"{objective.target:.6%}".rstrip("0%").rstrip(".") + "%",
            duration(objective.window_s),
            _cell(row["attained"], ".4%"),
            Text(_cell(row["budget_left"], ".1%"), style),
            *(_cell(row[f"burn_{window}"], ".2f") for window in ("1h", "6h", "3d")),
            _gone(row),
            Text(row["budget_left"]["note"], "dim"),
        )
    return table


def _cell(reading: Mapping[str, Any], form: str) -> str:
    value = reading["value"]
    return str(reading["state"]) if value is None else format(value, form)


def _gone(row: Mapping[str, Any]) -> str:
    if row["gone_in_s"] is not None:
        return duration(row["gone_in_s"]) if row["gone_in_s"] else "gone"
    known = row["budget_left"]["value"] is not None and row["burn_1h"]["value"] is not None
    return "not at this burn" if known else "unknown"


def duration(seconds: float) -> str:
    """``30 d``, ``5.5 h``, ``12 min``."""
    for size, unit in ((86_400.0, "d"), (3_600.0, "h")):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 60:.0f} min"
