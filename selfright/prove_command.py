"""`selfright playbooks prove`: what a whole set of playbooks can get into, found by trying it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from controller.core.readings import Catalogue
from controller.core.wording import duration
from controller.errors import BadInput
from controller.language.loading import named_files, playbooks_from_files
from controller.monitors.layers import catalogue_of
from controller.proving.explore import Counterexample, Proof, prove
from controller.proving.properties import PROPERTIES
from controller.proving.run import START_S, Subject, subject_of
from controller.rehearsal.counterexample import as_rehearsal
from controller.rehearsal.writing import rehearsal_text
from selfright.settings_at_hand import settings_at_hand
from selfright.terminal import SafeConsole, one_line_errors
from selfright.virtual_simulation import progress_bar


def prove_command(
    paths: Annotated[list[Path], typer.Argument(help="Files, or folders of YAML files.")],
    settings: Annotated[
        Path | None, typer.Option(help="Arms, feature groups, limits. Default: ./selfright.yaml")
    ] = None,
    save: Annotated[
        Path | None, typer.Option(help="Save each counterexample there as a playbook test.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Try every way in which two things go wrong. Exit code 1 on a counterexample."""
    with one_line_errors():
        known = settings_at_hand(settings)
        files = named_files(paths)
        catalogue = catalogue_of(known)
        playbooks = playbooks_from_files(files, known, catalogue)
    subject = subject_of(playbooks, known.for_judge(catalogue))
    with progress_bar("proving") as on_progress:
        proof = prove(subject, on_progress)
    if save is not None:
        with one_line_errors():
            _save(proof, subject, files, catalogue, save)
    if as_json:
        sys.stdout.write(json.dumps(_document(proof)) + "\n")
    else:
        _print(proof, len(playbooks))
    if proof.counterexamples:
        raise typer.Exit(1)


def _save(
    proof: Proof, subject: Subject, files: Sequence[Path], catalogue: Catalogue, folder: Path
) -> None:
    """A saved test expects what happens now: mend the playbooks, and it fails."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        names = tuple(os.path.relpath(file, folder) for file in files)
        for number, each in enumerate(proof.counterexamples, 1):
            test = as_rehearsal(each, subject, names, catalogue)
            path = folder / f"{each.fault.property}-{number}.yaml"
            path.write_text(rehearsal_text(test, each.fault.sentence), encoding="utf-8")
    except OSError as error:
        raise BadInput(f"cannot be written: {error.strerror}", file=str(folder)) from None


def timeline(counterexample: Counterexample) -> Iterator[tuple[float, str]]:
    """What went wrong and what was decided: (seconds since the start, sentence)."""
    for stretch in counterexample.stretches:
        at_s = stretch.before.at_s - START_S
        gone = sorted(map(str, stretch.before.wrong - stretch.wrong))
        come = sorted(map(str, stretch.wrong - stretch.before.wrong))
        yield from ((at_s, f"from now on {each}") for each in come)
        yield from ((at_s, f"it is over that {each}") for each in gone)
        for commit in stretch.commits:
            for record in commit.records:
                yield commit.at_s - START_S, f"{record.phase}: {record.sentence}"
    yield (
        counterexample.stretches[-1].after.at_s - START_S,
        f"broken: {counterexample.fault.sentence}",
    )


def _document(proof: Proof) -> dict[str, Any]:
    return {
        "disturbances": proof.disturbances,
        "stretches": proof.stretches,
        "ticks": proof.ticks,
        "counterexamples": [
            {
                "property": each.fault.property,
                "of": each.fault.of,
                "sentence": each.fault.sentence,
                "playbooks": list(each.fault.playbooks),
                "timeline": [{"at_s": at_s, "said": said} for at_s, said in timeline(each)],
            }
            for each in proof.counterexamples
        ],
    }


def _print(proof: Proof, playbooks: int) -> None:
    console = SafeConsole(highlight=False, soft_wrap=True)
    for each in proof.counterexamples:
        fault = each.fault
        console.print(Text(f"{fault.property}: {fault.sentence}", "bold red"))
        console.print(Text(f"  demanded: {PROPERTIES[fault.property]}", "dim"))
        for at_s, said in timeline(each):
            style = "yellow" if said.startswith(("from now", "it is over")) else ""
            console.print(Text(f"  {at_s:7.0f} s  {said}", style))
    books = f"{playbooks} playbook{'' if playbooks == 1 else 's'}"
    bound = (
        f"{proof.disturbances} things that can be wrong, two at a time and in every order: "
        f"{proof.stretches} stretches, {duration(proof.ticks * 30.0)} of the judge's time"
    )
    count = len(proof.counterexamples)
    if count:
        found = f"{count} counterexample{'' if count == 1 else 's'}"
        console.print(Text(f"{books}: {found} among {bound}", "bold red"))
    else:
        console.print(Text(f"{books}: no counterexample among {bound}", "green"))
