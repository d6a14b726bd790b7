"""`selfright demo`: the whole loop, live, in front of the reader."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from selfright.decisions_command import verify_log
from selfright.demo import run_demo
from selfright.live_simulation import show, shown_progress
from selfright.replay_command import replay_journals
from selfright.terminal import SafeConsole, one_line_errors

DEFAULT_FOLDER = Path(".selfright") / "demo"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo")(demo_command)


def demo_command(
    ratings: Annotated[
        Path | None,
        typer.Option(help="Ratings (MovieLens layout) to make users from; else generated ones."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of users, arrivals, clicks and delays.")] = 1,
    data_dir: Annotated[
        Path, typer.Option(help="Emptied first; what happened stays there to look at.")
    ] = DEFAULT_FOLDER,
) -> None:
    """A fresh stack, users, one real fault, and how it healed. Exit code 0 only if it healed and
    at least 99.9 % of all requests got a valid slate."""
    with one_line_errors():
        with shown_progress() as progress:
            report = run_demo(data_dir, ratings=ratings, seed=seed, progress=progress)
        show(report)
    console = SafeConsole(highlight=False)
    console.print(f"\nThe decision log, checked and derived again from the journal ({data_dir}):")
    verify_log(data_dir=data_dir, source="disk")
    replay_journals(data_dir=data_dir)
    raise typer.Exit(0 if report.passed else 1)
