"""`selfright decisions`: what was decided and why, for people and (`--json`) for machines."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from controller.errors import BadInput, Unavailable
from controller.ports import GENESIS
from controller.rehearsal.model import PHASES
from controller.shell.log_sources import (
    DecisionLog,
    from_disk,
    from_file,
    from_store,
    pages,
    read_documents,
    with_archive,
)
from controller.shell.record_lines import record_of
from controller.shell.verify import verify
from selfright.arms_at_hand import arms_at_hand
from selfright.decision_filter import DecisionFilter, concerns_arm
from selfright.moments import local_iso, parse_moment
from selfright.plan_access import open_store
from selfright.record_view import record_panel, record_row, records_table
from selfright.running_stack import find_settings
from selfright.terminal import SafeConsole, one_line_errors, warn

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
    since: Annotated[str | None, typer.Option(help="From this time: ISO, or like 2h ago.")] = None,
    until: Annotated[str | None, typer.Option(help="Up to this time.")] = None,
    playbook: Annotated[str | None, typer.Option(help="Only of this playbook.")] = None,
    arm: Annotated[str | None, typer.Option(help="Only about this arm.")] = None,
    phase: Annotated[str | None, typer.Option(help="Only of this phase, like acting.")] = None,
    incident: Annotated[str | None, typer.Option(help="Only of this incident.")] = None,
    as_json: Json = False,
) -> None:
    """The newest decisions, oldest first."""
    with one_line_errors():
        _check_phase(phase)
        now_s = time.time()
        asked = DecisionFilter(
            since_s=None if since is None else parse_moment(since, now_s, "--since"),
            until_s=None if until is None else parse_moment(until, now_s, "--until"),
            playbook=playbook,
            arm=arm,
            phase=phase,
            incident=incident,
        )
        pairs = _documents(source, settings, data_dir)
        is_named = arm is None or any(concerns_arm(document, arm) for document, _ in pairs)
        if arm is not None and not is_named and source in ("store", "disk"):
            _check_arm(arm, arms_at_hand(settings, _folder(settings, data_dir)))
        chosen = [pair for pair in pairs if asked.takes(pair[0])][-last:]
        if as_json:
            _print_lines(line for _, line in chosen)
        else:
            SafeConsole().print(records_table([document for document, _ in chosen]))
        if not is_named:
            warn(f"no record names arm {arm}")


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
        pairs = _documents(source, settings, data_dir)
        found = [(d, line) for d, line in pairs if record in (d["id"], d["incident"])]
        if not found:
            raise BadInput(f"no record or incident {record!r} in the log ({len(pairs)} records)")
        if as_json:
            _print_lines(line for _, line in found)
            return
        for document, _ in found:
            SafeConsole().print(record_panel(document))


@app.command()
def explain(
    at: Annotated[str, typer.Option("--at", help="ISO, 13:20:05 (today), or like 2h ago.")],
    playbook: Annotated[str | None, typer.Option(help="Only this playbook.")] = None,
    journal: Annotated[
        list[Path] | None, typer.Option(help="Segments or folders (default: the stack's own).")
    ] = None,
    settings: SettingsFile = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Why nothing happened at a time, or what did: every condition, and the guards in the way."""
    from controller.shell.at_time import covering, moment_at  # noqa: PLC0415  (imports Arrow)
    from selfright.moment_view import moment_lines, moment_text  # noqa: PLC0415

    with one_line_errors():
        at_s = parse_moment(at, time.time(), "--at")
        places = journal or [_folder(settings, data_dir) / "journal"]
        segment = covering(places, at_s)
        moment = None if segment is None else moment_at(segment, at_s)
        if moment is None:
            nobody = "no journal covers" if segment is None else "nobody led at"
            where = ", ".join(map(str, places))
            raise BadInput(f"{nobody} {local_iso(at_s)}", file=where)
        known = {each.playbook.name for each in moment.watched}
        known |= {incident.playbook.name for incident, _ in moment.open}
        if playbook is not None and playbook not in known:
            names = ", ".join(sorted(known)) or "none"
            raise BadInput(f"{playbook!r} was not loaded; loaded: {names}", field="--playbook")
        if as_json:
            _print_lines(json.dumps(each).encode() for each in moment_lines(moment, playbook))
        else:
            SafeConsole().print(moment_text(moment, playbook))


@app.command("export")
def export_log(
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")],
    form: Annotated[
        str | None,
        typer.Option("--format", help="jsonl or parquet (default: by the file's ending)."),
    ] = None,
    settings: SettingsFile = None,
    data_dir: DataDir = None,
    source: Source = "store",
    as_json: Json = False,
) -> None:
    """Write the whole log, archive included, to a file: JSON lines as sealed, or Parquet."""
    from selfright.log_export import export, format_of  # noqa: PLC0415  (imports Arrow)

    with one_line_errors():
        chosen = format_of(form, output)
        lines = [line for _, line in _documents(source, settings, data_dir)]
        export(lines, chosen, output)
    if as_json:
        typer.echo(json.dumps({"file": str(output), "format": chosen, "records": len(lines)}))
    else:
        typer.echo(f"{len(lines)} records in {output} ({chosen})")


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
        console = SafeConsole()
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
    begins_after: Annotated[
        str | None,
        typer.Option(
            "--begins-after",
            metavar="HASH",
            help="The record before the first one, where the archive is elsewhere.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Is the log whole, archive included, and does it end where the plan says? If not, 1."""
    with one_line_errors():
        log = _read(source, settings, data_dir)
        is_known = begins_after is not None and log.begins_after.startswith(begins_after)
        verdict = verify(log.lines, log.head, first_prev=log.begins_after if is_known else GENESIS)
        flaw = verdict.flaw
        if as_json:
            document = {
                "whole": verdict.is_whole and not log.torn_bytes,
                "checked": verdict.checked,
                "archived": log.archived,
                "begins_after": log.begins_after,
                "head": verdict.head,
                "torn_bytes": log.torn_bytes,
                "flaw": None
                if flaw is None
                else {"kind": flaw.kind, "record": flaw.record, "sentence": flaw.sentence},
            }
            typer.echo(json.dumps(document))
        else:
            _say_verdict(log, verdict.checked, flaw.sentence if flaw else None)
        if not verdict.is_whole:
            raise typer.Exit(1)


def _say_verdict(log: DecisionLog, checked: int, flaw: str | None) -> None:
    console = SafeConsole(soft_wrap=True, highlight=False)
    if log.torn_bytes:
        console.print(f"[yellow]a torn last line of {log.torn_bytes} bytes was cut[/yellow]")
    if log.begins_after != GENESIS:
        console.print(
            f"[yellow]begins after {log.begins_after[:12]}: what is older is not here; "
            "say --begins-after with the last hash of its archive[/yellow]"
        )
    if flaw is not None:
        console.print("[bold red]broken:[/bold red]", escape(flaw))
        console.print(f"{checked} records before it are sound")
        return
    end = "the plan names its end" if log.head else "no plan beside it: its end is not checked"
    archived = f" ({log.archived} of them archived)" if log.archived else ""
    console.print(f"[bold green]whole:[/bold green] {checked} records{archived}, {end}")


def _check_phase(phase: str | None) -> None:
    if phase is not None and phase not in PHASES:
        accepted = ", ".join(sorted(PHASES))
        raise BadInput(f"there is no phase {phase!r}; accepted: {accepted}", field="--phase")


def _check_arm(arm: str, known: tuple[str, ...] | None) -> None:
    """Of an arm that no record names; an arm of old is in the log only."""
    if known is not None and arm not in known:
        what = f"there is no arm {arm!r}, nor a record that names one; accepted: {', '.join(known)}"
        raise BadInput(what, field="--arm")


def _documents(
    source: str, settings: Path | None, data_dir: Path | None
) -> list[tuple[dict[str, Any], bytes]]:
    log = _read(source, settings, data_dir)
    found = list(zip(read_documents(log), log.lines, strict=True))
    if log.torn_bytes:
        warn(f"{log.place}: a torn last line of {log.torn_bytes} bytes was left out")
    return found


def _folder(settings: Path | None, data_dir: Path | None) -> Path:
    """A data folder that is named needs no settings in it."""
    if data_dir is not None and settings is None:
        return data_dir
    return find_settings(settings, data_dir).data_dir


def _read(source: str, settings: Path | None, data_dir: Path | None) -> DecisionLog:
    if source not in ("store", "disk"):
        return from_file(Path(source))
    found = find_settings(settings, data_dir)
    if source == "disk":
        return from_disk(found.data_dir)
    return with_archive(from_store(open_store(found)), found.data_dir)


def _emit(lines: list[bytes], console: Console, as_json: bool) -> None:
    documents = [record_of(line, "the store's log", None) for line in lines]
    if as_json:
        _print_lines(lines)
        return
    for document in documents:
        console.print(record_row(document))


def _print_lines(lines: Iterable[bytes]) -> None:
    for line in lines:
        sys.stdout.write(line.decode() + "\n")
    sys.stdout.flush()
