"""Random mixes of faults, seed after seed; the first that breaks an invariant is made short."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.text import Text

from controller.atomic_file import write_atomically
from controller.errors import BadInput
from selfright.terminal import SafeConsole, progress_console
from selfright.virtual_simulation import (
    AS_EXPECTED,
    INVARIANT_BROKEN,
    judgement,
    progress_bar,
)
from simulator.scenario.document import to_yaml
from simulator.scenario.loading import scenario_from_document
from simulator.scenario.random_mix import random_document
from simulator.scenario.shrinking import shrunk

if TYPE_CHECKING:
    from simulator.virtual.outcome import Outcome

Document = dict[str, Any]
SHRUNK_FILE = Path("shrunk.yaml")


def simulate_random(first: int, count: int, save: Path | None, as_json: bool) -> int:
    """Run ``count`` seeds from ``first``; the first that fails is shrunk. Give the exit code."""
    if save is not None and not save.parent.is_dir():
        raise BadInput(f"no such folder: {save.parent}", field="--save")
    command = _command(first, count, save)
    _say(command, as_json)
    failed: list[Outcome] = []
    incidents = 0
    with progress_bar(f"{count} random scenarios") as progress:
        for done, seed in enumerate(range(first, first + count), 1):
            outcome = _run(random_document(seed), seed)
            incidents += sum(record["phase"] == "opened" for record in outcome.records)
            failed += [outcome] if outcome.broken else []
            progress(done / count)
    smallest = _shrunk(failed[0]) if failed else None
    if smallest is not None and save is not None:
        write_atomically(save, to_yaml(smallest).encode())
    if as_json:
        _print_json(command, count, incidents, failed, smallest)
    else:
        _print(count, incidents, failed, smallest, save)
    return INVARIANT_BROKEN if failed else AS_EXPECTED


def _run(document: Document, seed: int) -> Outcome:
    from simulator.virtual.run import run_scenario  # noqa: PLC0415  (the whole world: slow to import)

    try:
        return run_scenario(scenario_from_document(document), seed)
    except Exception as error:
        error.add_note(f"with seed {seed} of:\n{to_yaml(document)}")
        raise


def _shrunk(failed: Outcome) -> Document:
    """As short as it goes while one of the same invariants breaks with the same seed."""
    kinds = {each.invariant for each in failed.broken}

    def still_fails(document: Document) -> bool:
        outcome = _run(document, failed.seed)
        return any(each.invariant in kinds for each in outcome.broken)

    progress_console.print(f"shrinking seed {failed.seed}", soft_wrap=True)
    return shrunk(dict(failed.scenario.document), still_fails)


def _print(
    count: int,
    incidents: int,
    failed: list[Outcome],
    smallest: Document | None,
    save: Path | None,
) -> None:
    console = SafeConsole(highlight=False, soft_wrap=True)
    for outcome in failed:
        first = outcome.broken[0]
        after_s = first.at_s - outcome.evidence.started_at_s
        console.print(
            Text(
                f"seed {outcome.seed}: invariant broken at {after_s:.1f} s: "
                f"{first.invariant}: {first.sentence}",
                style="bold red",
            )
        )
    if smallest is not None:
        file = save or SHRUNK_FILE
        again = ["selfright", "simulate", str(file), "--seed", str(failed[0].seed)]
        where = f"in {file}" if save else f"saved as {file}"
        console.print(f"\nThe shortest that still fails; {where}, repeat it with")
        console.print(Text(f"  {shlex.join(again)}\n"))
        console.print(Text(to_yaml(smallest)))
    said = f"random scenarios: {count}, incidents: {incidents}, broken invariants in: {len(failed)}"
    console.print(Text(said, style="bold red" if failed else "bold green"))


def _print_json(
    command: str,
    count: int,
    incidents: int,
    failed: list[Outcome],
    smallest: Document | None,
) -> None:
    document = {
        "command": command,
        "scenarios": count,
        "incidents": incidents,
        "failed": [{"seed": each.seed, **judgement(each)} for each in failed],
        "shrunk": smallest,
    }
    typer.echo(json.dumps(document, indent=2))


def _command(first: int, count: int, save: Path | None) -> str:
    words = ["selfright", "simulate", "--random", "--seeds", str(count), "--seed", str(first)]
    return shlex.join(words + (["--save", str(save)] if save else []))


def _say(command: str, as_json: bool) -> None:
    (sys.stderr if as_json else sys.stdout).write(f"{command}\n")
