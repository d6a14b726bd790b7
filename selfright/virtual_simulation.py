"""One scenario in virtual time as a command shows it: command, progress, tables, expectations."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.text import Text

from controller.errors import BadInput
from selfright.running_stack import SETTINGS_FILE, write_run_settings
from selfright.terminal import SafeConsole, progress_console
from simulator.report.report import report_on, report_to_document
from simulator.report.tables import rendered
from simulator.report.verdict import verdict
from simulator.scenario.loading import scenario_from_file
from simulator.scenario.model import Scenario

if TYPE_CHECKING:
    from simulator.virtual.outcome import Outcome
    from simulator.virtual.run import Look

AS_EXPECTED, NOT_MET, INVARIANT_BROKEN = 0, 1, 3
REPORT_SUFFIXES = (".html", ".png")


@dataclass(frozen=True, slots=True)
class Keep:
    """Where things go that outlive the run: a folder for log and journal, a timeline's file."""

    log: Path | None = None
    report: Path | None = None


def simulate_scenario(
    said: str,
    path: Path,
    seed: int,
    playbooks: Path | None,
    keep: Keep,
    as_json: bool,
) -> int:
    """Run, show, keep what is to be kept, and give the exit code. Raise BadInput."""
    log, report = keep.log, keep.report
    scenario = scenario_from_file(path, playbooks=playbooks)
    _check_places(log, report)
    command = command_of(said, seed, playbooks, log, report)
    _say_first(command, as_json)
    if log is not None:
        _make_home(log, scenario)
    try:
        outcome = run_shown(scenario, seed, command, log)
    except KeyboardInterrupt:
        kept = f"; {log} holds the log up to there" if log is not None else ""
        progress_console.print(Text(f"interrupted before its end{kept}"), soft_wrap=True)
        raise
    if report is not None:
        from simulator.report.timeline import write_report  # noqa: PLC0415  (draws: slow to import)

        write_report(outcome, report)
    show_outcome(outcome, as_json)
    return exit_code(outcome)


def command_of(
    said: str, seed: int, playbooks: Path | None, log: Path | None, report: Path | None
) -> str:
    """The command line that repeats the run exactly."""
    words = ["selfright", "simulate", said, "--seed", str(seed)]
    for option, path in (("--playbooks", playbooks), ("--log", log), ("--report", report)):
        if path is not None:
            words += [option, str(path)]
    return shlex.join(words)


def exit_code(outcome: Outcome) -> int:
    """A broken invariant outweighs an expectation that was not met."""
    if outcome.broken:
        return INVARIANT_BROKEN
    return AS_EXPECTED if outcome.passed else NOT_MET


def run_shown(
    scenario: Scenario,
    seed: int,
    command: str,
    log: Path | None,
    look: Look | None = None,
) -> Outcome:
    """The run, under a bar on standard error."""
    from simulator.virtual.run import run_scenario  # noqa: PLC0415  (the whole world: slow to import)

    with progress_bar(scenario.name) as progress:
        return run_scenario(
            scenario, seed, command=command, progress=progress, log_dir=log, look=look
        )


@contextmanager
def progress_bar(what: str) -> Iterator[Callable[[float], None]]:
    """Tell it the share that is done."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    bar = Bar(*columns, TimeElapsedColumn(), console=progress_console, transient=True)
    with bar:
        task = bar.add_task(what, total=1.0)
        yield lambda share: bar.update(task, completed=share)


def show_outcome(outcome: Outcome, as_json: bool) -> None:
    """On standard output: the tables of a live run, then expectations and broken invariants."""
    report = report_on(outcome.evidence)
    if as_json:
        document = {
            "command": outcome.command,
            "scenario": outcome.scenario.name,
            "seed": outcome.seed,
            "report": report_to_document(report),
            **judgement(outcome),
        }
        typer.echo(json.dumps(document, indent=2))
        return
    console = SafeConsole(highlight=False)
    console.print(rendered(report, with_verdict=not outcome.judged))
    for judged in outcome.judged:
        mark, style = ("\u2713", "green") if judged.met else ("\u2717", "bold red")
        console.print(Text(f"{mark} {judged.sentence}", style=style))
    for command in outcome.failed_commands:
        console.print(Text(f"no record ever answered: {command}", style="yellow"))
    for broken in outcome.broken:
        said = f"invariant broken at {_after_s(outcome, broken.at_s):.1f} s: "
        console.print(Text(f"{said}{broken.invariant}: {broken.sentence}", style="bold red"))
    if outcome.judged:
        met = [judged.met for judged in outcome.judged]
        good, summed_up = verdict(report, met, len(outcome.broken))
        console.print(Text(summed_up, style="bold green" if good else "bold red"))


def judgement(outcome: Outcome) -> dict[str, Any]:
    """Plain JSON types."""
    return {
        "as_expected": exit_code(outcome) == AS_EXPECTED,
        "expectations": [
            {"kind": type(j.expectation).__name__.lower(), "met": j.met, "sentence": j.sentence}
            for j in outcome.judged
        ],
        "broken": [
            {
                "invariant": each.invariant,
                "after_s": _after_s(outcome, each.at_s),
                "sentence": each.sentence,
            }
            for each in outcome.broken
        ],
        "failed_commands": list(outcome.failed_commands),
    }


def _after_s(outcome: Outcome, at_s: float) -> float:
    return at_s - outcome.evidence.started_at_s


def _say_first(command: str, as_json: bool) -> None:
    if as_json:
        progress_console.print(Text(command), soft_wrap=True)
    else:
        SafeConsole(highlight=False).print(Text(command), soft_wrap=True)


def _make_home(log: Path, scenario: Scenario) -> None:
    """The folder as a stack's own, so that every command can look at it, also half-way."""
    try:
        log.mkdir(parents=True, exist_ok=True)
        write_run_settings(scenario.settings.model_copy(update={"data_dir": log.resolve()}))
    except OSError as error:
        what = f"{log} cannot be made: {error.strerror}; accepted: a folder that can be written to"
        raise BadInput(what, field="--log") from None


def _check_places(log: Path | None, report: Path | None) -> None:
    if report is not None and report.suffix not in REPORT_SUFFIXES:
        what = f"{report} is neither; accepted: a file named {' or '.join(REPORT_SUFFIXES)}"
        raise BadInput(what, field="--report")
    if report is not None and not report.parent.is_dir():
        raise BadInput(f"no such folder: {report.parent}", field="--report")
    if report is not None and not os.access(report.parent, os.W_OK):
        what = f"{report.parent} cannot be written to; accepted: a folder that can"
        raise BadInput(what, field="--report")
    if log is not None and log.exists() and (not log.is_dir() or any(log.iterdir())):
        kept = " of an earlier run" if (log / SETTINGS_FILE).exists() else ""
        what = f"{log} holds something{kept}; accepted: a new or empty folder"
        raise BadInput(what, field="--log")
