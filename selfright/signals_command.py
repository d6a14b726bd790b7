"""`selfright signals`: every signal a playbook may name, without a running system."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from controller.core.readings import SignalSpec
from controller.monitors.layers import catalogue_of
from selfright.settings_at_hand import settings_at_hand
from selfright.terminal import SafeConsole, one_line_errors

LEAST_WIDTH = 120
PIPED_WIDTH = 220


def register(app: typer.Typer) -> None:
    """Add the command to the `selfright` command."""
    app.command("signals")(signals)


def signals(
    settings: Annotated[
        Path | None, typer.Option(help="Default: ./selfright.yaml, if any.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON list.")] = False,
) -> None:
    """List the signals that playbooks may name."""
    with one_line_errors():
        specs = catalogue_of(settings_at_hand(settings)).specs.values()
    if as_json:
        typer.echo(json.dumps([asdict(spec) for spec in specs], indent=2))
    else:
        _print(list(specs))


def _print(specs: list[SignalSpec]) -> None:
    """A line each, or two where the terminal is too narrow for what a signal says."""
    console = SafeConsole(highlight=False)
    if not console.is_terminal:  # for grep
        console = SafeConsole(highlight=False, width=PIPED_WIDTH)
    if console.width >= LEAST_WIDTH:
        console.print(_table(specs))
        return
    for spec in specs:
        name, *facts, says = _cells(spec)
        console.print(Text.assemble((name, "bold"), f"  {', '.join(facts)}"))
        console.print(Padding(says, (0, 0, 0, 4)))


def _table(specs: list[SignalSpec]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("signal", no_wrap=True)
    table.add_column("unit")
    table.add_column("window", justify="right")
    table.add_column("least sample", justify="right")
    table.add_column("what it says", overflow="fold")
    for spec in specs:
        table.add_row(*_cells(spec))
    return table


def _cells(spec: SignalSpec) -> tuple[str, str, str, str, str]:
    labels = "{" + ", ".join(spec.labels) + "}" if spec.labels else ""
    window = f"{spec.default_window_s:g}s" if spec.default_window_s else "now"
    least = str(spec.least_sample) if spec.least_sample else "-"
    return spec.name + labels, spec.unit, window, least, spec.summary
