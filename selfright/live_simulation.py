"""The live simulation as a command shows it: what moves, what stays, and the report at the end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer
from rich.progress import Progress as Bar
from rich.progress import TextColumn, TimeElapsedColumn
from rich.text import Text

from controller.settings import Settings
from selfright.terminal import SafeConsole, progress_console
from simulator.live.progress import Moment
from simulator.live.run import Run, run
from simulator.report.report import Report, report_to_document
from simulator.report.tables import rendered


def simulate_live(found: Settings, what: Run, as_json: bool, picture: Path | None) -> int:
    """Run, show the report, and give the exit code. Raise SelfrightError."""
    with shown_progress() as progress:
        report = run(found, what, progress, picture)
    show(report, as_json)
    return 0 if report.passed else 1


def show(report: Report, as_json: bool = False) -> None:
    """The report on standard output."""
    if as_json:
        typer.echo(json.dumps(report_to_document(report), indent=2))
    else:
        SafeConsole(highlight=False).print(rendered(report))


class ShownProgress:
    """Lines that stay, above one line that moves; without a terminal a line every 10 s."""

    EVERY_S = 10.0

    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self._task = bar.add_task("", total=None)
        self._next_s = 0.0

    def say(self, line: str) -> None:
        self._bar.console.print(Text(line), soft_wrap=True)

    def update(self, moment: Moment) -> None:
        text = moment_text(moment)
        self._bar.update(self._task, description=text)
        if not self._bar.console.is_terminal and moment.elapsed_s >= self._next_s:
            self._next_s = moment.elapsed_s + self.EVERY_S
            self.say(text)


@contextmanager
def shown_progress() -> Iterator[ShownProgress]:
    """Progress on standard error while the block runs."""
    columns = (TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
    with Bar(*columns, console=progress_console, transient=True) as bar:
        yield ShownProgress(bar)


def moment_text(moment: Moment) -> str:
    """``38 of 120 s: 61/s, 100.0 % valid, p95 24 ms, CTR 41 %, 2 % by another arm``."""
    parts = [f"{moment.per_s:.0f}/s"]
    if moment.valid_share is not None:
        parts.append(f"{moment.valid_share:.1%} valid")
    if moment.users_p95_ms is not None:
        parts.append(f"p95 {moment.users_p95_ms:.0f} ms")
    if moment.ctr is not None:
        parts.append(f"CTR {moment.ctr:.0%}")
    if moment.other_arm_share is not None:
        parts.append(f"{moment.other_arm_share:.0%} by another arm")
    if moment.not_sent:
        parts.append(f"{moment.not_sent} not sent")
    parts += [f"fault {name} is on" for name in moment.faults_on]
    return f"{moment.elapsed_s:.0f} of {moment.duration_s:.0f} s: {', '.join(parts)}"
