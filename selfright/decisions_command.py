"""`selfright decisions`: what was decided and why, for people and (`--json`) for machines."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from controller.errors import BadInput, Unavailable
from controller.settings import Settings
from controller.shell.log_sources import (
    DecisionLog,
    from_disk,
    from_file,
    from_store,
    pages,
    read_documents,
)
from controller.shell.seal import unsealed
from controller.shell.verify import verify
from selfright.plan_access import open_store
from selfright.record_view import record_panel, record_row, records_table
from selfright.running_stack import find_settings
from selfright.terminal import one_line_errors

SettingsFile = Annotated[
    Path | None, typer.Option("--settings", help="Settings file of the stack.", show_default=False)
]
DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Data folder of the stack (default .selfright)."),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON record a line, as it is sealed.")]
Source = Annotated[
    str, typer.Option("--source", help="store, disk (the controller's own copy), or a FILE.")
]
FOLLOW_EVERY_S = 0.25

app = typer.Typer(help="The decision log.", no_args_is_help=True)


def register(parent: typer.Typer) -> None:
    """Add the group `decisions` to ``parent``."""
    parent.add_typer(app, name="decisions")


@app.command("list")
def list_decisions(
    settings: SettingsFile = None,
    data_dir: DataDir = None,
    source: Source = "store",
    last: Annotated[int, typer.Option(min=1, help="How many, the newest.")] = 50,
    incident: Annotated[str | None, typer.Option(help="Only of this incident.")] = None,
    as_json: Json = False,
) -> None:
    """The newest decisions, oldest first."""
    with one_line_errors():
        lines = _read(source, settings, data_dir).lines
        documents = read_documents(lines, source)
        if incident is not None:
            documents = [d for d in documents if d["incident"] == incident]
        chosen = documents[-last:]
        if as_json:
            ids = {document["id"] for document in chosen}
            _print_lines(line for line in lines if unsealed(line)["id"] in ids)
        else:
            Console().print(records_table(chosen))


@app.command()
def show(
    record: Annotated[str, typer.Argument(help="Record id, EPOCH-REVISION-N, or an incident id.")],
    settings: SettingsFile = None,
    data_dir: DataDir = None,
    source: Source = "store",
    as_json: Json = False,
) -> None:
    """Everything one decision (or all of an incident) saw, refused, chose and expected."""
    with one_line_errors():
        lines = _read(source, settings, data_dir).lines
        pairs = zip(read_documents(lines, source), lines, strict=True)
        found = [(d, line) for d, line in pairs if record in (d["id"], d["incident"])]
        if not found:
            raise BadInput(f"no record or incident {record!r} in the log ({len(lines)} records)")
        if as_json:
            _print_lines(line for _, line in found)
            return
        for document, _ in found:
            Console().print(record_panel(document))


@app.command()
def follow(
    settings: SettingsFile = None,
    data_dir: DataDir = None,
    last: Annotated[int, typer.Option(min=0, help="Begin with this many.")] = 10,
    as_json: Json = False,
) -> None:
    """Decisions as they are taken, until Ctrl-C. A store that is gone is waited for."""
    with one_line_errors():
        store = open_store(find_settings(settings, data_dir))
        console = Console()
        after, is_gone = "-", False
        backlog = list(pages(store))
        if backlog:
            after = backlog[-1][0]
        _emit(
            [line for _, line in backlog[len(backlog) - min(last, len(backlog)) :]],
            console,
            as_json,
        )
        while True:
            try:
                fresh = list(pages(store, after))
                is_gone = False
            except Unavailable as error:
                if not is_gone:
                    sys.stderr.write(f"selfright: waiting: {error}\n")
                fresh, is_gone = [], True
            if fresh:
                after = fresh[-1][0]
                _emit([line for _, line in fresh], console, as_json)
            time.sleep(FOLLOW_EVERY_S)


@app.command("verify")
def verify_log(
    settings: SettingsFile = None,
    data_dir: DataDir = None,
    source: Source = "store",
    as_json: Json = False,
) -> None:
    """Is the log whole, and does it end where the plan says? Exit code 1 when not."""
    with one_line_errors():
        log = _read(source, settings, data_dir)
        verdict = verify(log.lines, log.head)
        console = Console(soft_wrap=True, highlight=False)
        if as_json:
            flaw = verdict.flaw
            console.print_json(
                data={
                    "whole": verdict.is_whole and not log.torn_bytes,
                    "checked": verdict.checked,
                    "head": verdict.head,
                    "torn_bytes": log.torn_bytes,
                    "flaw": None
                    if flaw is None
                    else {"kind": flaw.kind, "record": flaw.record, "sentence": flaw.sentence},
                }
            )
        else:
            _say_verdict(
                console, log, verdict.checked, verdict.flaw.sentence if verdict.flaw else None
            )
        if not verdict.is_whole:
            raise typer.Exit(1)


def _say_verdict(console: Console, log: DecisionLog, checked: int, flaw: str | None) -> None:
    if log.torn_bytes:
        console.print(f"[yellow]a torn last line of {log.torn_bytes} bytes was cut[/yellow]")
    if flaw is not None:
        console.print("[bold red]broken:[/bold red]", flaw, markup=True)
        console.print(f"{checked} records before it are sound")
        return
    end = "the plan names its end" if log.head else "no plan beside it: its end is not checked"
    console.print(f"[bold green]whole:[/bold green] {checked} records, {end}")


def _read(source: str, settings: Path | None, data_dir: Path | None) -> DecisionLog:
    if source not in ("store", "disk"):
        return from_file(Path(source))
    found = find_settings(settings, data_dir)
    return from_disk(found.data_dir) if source == "disk" else _from_store(found)


def _from_store(settings: Settings) -> DecisionLog:
    return from_store(open_store(settings))


def _emit(lines: list[bytes], console: Console, as_json: bool) -> None:
    if as_json:
        _print_lines(lines)
        return
    for line in lines:
        document: dict[str, Any] = unsealed(line)
        console.print(record_row(document))


def _print_lines(lines: Iterable[bytes]) -> None:
    for line in lines:
        sys.stdout.write(line.decode() + "\n")
    sys.stdout.flush()
