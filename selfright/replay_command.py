"""`selfright replay`: derive the decision log from journals and compare it, byte for byte."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from controller.errors import BadInput
from controller.language.loading import load_playbooks
from controller.monitors.layers import catalogue_of
from controller.shell.histories import contrast
from controller.shell.journal import segment_paths
from controller.shell.log_sources import (
    RECORDS_FILE,
    DecisionLog,
    from_disk,
    from_file,
    from_store,
    read_documents,
    with_archive,
)
from controller.shell.replay import Comparison, Derived, compare, replay
from controller.shell.seal import unsealed
from controller.shell.segment import read_segment
from controller.shell.what_if import Outcome, what_if
from selfright.history_view import contrast_lines, print_contrast
from selfright.plan_access import open_store
from selfright.running_stack import find_settings
from selfright.terminal import SafeConsole, one_line_errors, warn

SHOWN_MAX = 20


def register(app: typer.Typer) -> None:
    """Add `replay` to ``app``."""
    app.command("replay")(replay_journals)


def replay_journals(
    journals: Annotated[
        list[Path] | None,
        typer.Argument(help="Segments or folders of them (default: the stack's own)."),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option("--against", help="The log: store, disk or a FILE (default: disk)."),
    ] = None,
    playbooks: Annotated[
        Path | None,
        typer.Option("--playbooks", help="Judge the same facts by these playbooks instead."),
    ] = None,
    diff: Annotated[
        bool, typer.Option("--diff", help="With --playbooks: the difference as a timeline.")
    ] = False,
    telemetry: Annotated[
        Path | None,
        typer.Option("--telemetry", help="Not yet: readings that no tick recorded stay unknown."),
    ] = None,
    settings: Annotated[Path | None, typer.Option("--settings", show_default=False)] = None,
    data_dir: Annotated[Path | None, typer.Option("--data-dir")] = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Replay journals. Exit code 1 when the log differs; missing epochs are named."""
    with one_line_errors():
        if telemetry is not None:
            raise BadInput(
                "readings are not made from stored telemetry yet; those that no tick recorded are "
                "unknown, and listed",
                field="--telemetry",
            )
        if diff and playbooks is None:
            raise BadInput("needs --playbooks DIR, the other playbooks", field="--diff")
        folder = _data_dir(settings, data_dir, needed=not journals or against in (None, "disk"))
        segments = [read_segment(path) for path in segment_paths(journals or [folder / "journal"])]
        if not segments:
            raise BadInput(f"no journal segments in {', '.join(map(str, journals or [folder]))}")
        torn_bytes = sum(segment.torn_bytes for segment in segments)
        derived = replay(segments)
        if playbooks is not None:
            known = find_settings(settings, data_dir)
            others = load_playbooks(playbooks, known, catalogue_of(known))
            _say_outcome(what_if(segments, others), derived, diff=diff, as_json=as_json)
            return
        recorded = _recorded(against or "disk", folder, settings, data_dir)
        comparison = compare(derived, recorded)
        _say_comparison(derived, comparison, torn_bytes, as_json)
        if comparison.differences:
            raise typer.Exit(1)


def _data_dir(settings: Path | None, data_dir: Path | None, *, needed: bool) -> Path:
    if data_dir is not None and settings is None:
        return data_dir
    return find_settings(settings, data_dir).data_dir if needed else Path()


def _recorded(
    against: str, folder: Path, settings: Path | None, data_dir: Path | None
) -> list[bytes]:
    log = _log(against, folder, settings, data_dir)
    read_documents(log)
    if log.torn_bytes:
        warn(f"{log.place}: a torn last line of {log.torn_bytes} bytes was left out")
    return list(log.lines)


def _log(against: str, folder: Path, settings: Path | None, data_dir: Path | None) -> DecisionLog:
    if against == "store":
        found = find_settings(settings, data_dir)
        return with_archive(from_store(open_store(found)), found.data_dir)
    if against == "disk":
        if not (folder / RECORDS_FILE).exists():
            raise BadInput("no copy of the log; name one with --against", file=str(folder))
        return from_disk(folder)
    return from_file(Path(against))


def _say_comparison(
    derived: Derived, comparison: Comparison, torn_bytes: int, as_json: bool
) -> None:
    if as_json:
        document: dict[str, Any] = {
            "facts": derived.facts,
            "equal": comparison.equal,
            "differences": [
                {"kind": each.kind, "record": each.record} for each in comparison.differences
            ],
            "missing_epochs": list(comparison.missing_epochs),
            "torn_bytes": torn_bytes,
        }
        sys.stdout.write(json.dumps(document) + "\n")
        return
    console = SafeConsole(highlight=False, soft_wrap=True)
    if torn_bytes:
        console.print(f"[yellow]cut a torn tail of {torn_bytes} bytes[/yellow]")
    if comparison.missing_epochs:
        named = ", ".join(map(str, comparison.missing_epochs))
        console.print(f"[yellow]no journal here for epochs {named}[/yellow]")
    for each in comparison.differences[:SHOWN_MAX]:
        console.print(f"[red]{each.kind}[/red] {escape(each.record)}: {_sentence(each.recorded)}")
        if each.recorded is not None and each.derived is not None:
            console.print(f"    derived: {_sentence(each.derived)}")
    verdict = "[bold red]differs[/]" if comparison.differences else "[bold green]equal[/]"
    console.print(
        f"{verdict}: {derived.facts} facts, {comparison.equal} records byte for byte, "
        f"{len(comparison.differences)} differences"
    )


def _say_outcome(outcome: Outcome, derived: Derived, *, diff: bool, as_json: bool) -> None:
    found = contrast([unsealed(line) for line in derived.lines], outcome.records)
    if as_json:
        for each in contrast_lines(found, outcome.unrecorded, with_timeline=diff):
            sys.stdout.write(json.dumps(each) + "\n")
        return
    console = SafeConsole(highlight=False, soft_wrap=True)
    print_contrast(console, found, outcome.unrecorded, with_timeline=diff)


def _sentence(line: bytes | None) -> str:
    """As markup."""
    return "" if line is None else escape(str(unsealed(line)["sentence"]))
