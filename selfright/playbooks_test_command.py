"""`selfright playbooks test`: playbooks against written weather, on a virtual clock."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from controller.atomic_file import write_atomically
from controller.errors import BadInput
from controller.rehearsal.golden import golden_difference, golden_name, golden_text
from controller.rehearsal.junit import Case, Suite, junit_xml
from controller.rehearsal.loading import LoadedFile, load_tests
from controller.rehearsal.verdict import Verdict, rehearse
from selfright.settings_at_hand import settings_at_hand
from selfright.terminal import SafeConsole, one_line_errors

FAILED = 1
GOLDEN_CASE = "the golden file"


@dataclass(frozen=True, slots=True)
class _Goldens:
    """Where golden files are, and what to do with them. ``folder`` None: beside each test."""

    folder: Path | None
    update: bool

    def path_of(self, file: Path) -> Path:
        return (self.folder or file.parent) / golden_name(file.stem)


def rehearse_command(
    paths: Annotated[list[Path], typer.Argument(help="Test files, or folders of them.")],
    settings: Annotated[
        Path | None,
        typer.Option(help="For tests that name none. Default: ./selfright.yaml, if any"),
    ] = None,
    junit: Annotated[Path | None, typer.Option(help="Write a JUnit XML report here.")] = None,
    golden: Annotated[
        Path | None,
        typer.Option(help="Folder of golden files; each must be there. Default: beside the tests."),
    ] = None,
    update: Annotated[bool, typer.Option("--update", help="Write the golden files anew.")] = False,
) -> None:
    """Run playbook tests. Exit code 1 when one fails, 2 when one cannot be read."""
    with one_line_errors():
        if golden is not None and not golden.is_dir():
            raise BadInput(f"no such folder: {golden}", field="--golden")
        goldens = _Goldens(golden, update)
        files = load_tests(paths, settings_at_hand(settings))
        _refuse_shared_goldens(files, goldens)
        console = SafeConsole(highlight=False, soft_wrap=True)
        suites = [_run(file, goldens, console) for file in files]
        if junit is not None:
            _write(junit, junit_xml(suites), "--junit")
    cases = [case for suite in suites for case in suite.cases]
    failed = sum(bool(case.why) for case in cases)
    took_s = sum(case.took_s for case in cases)
    said = f"{len(cases)} tests, {failed} failed, {took_s:.1f} s"
    console.print(Text(said, style="bold red" if failed else "green"))
    if failed:
        raise typer.Exit(FAILED)


def _run(file: LoadedFile, goldens: _Goldens, console: Console) -> Suite:
    cases: list[Case] = []
    verdicts: list[Verdict] = []
    for test in file.tests:
        since_s = time.perf_counter()
        verdict = rehearse(test.rehearsal, test.service)
        took_s = time.perf_counter() - since_s
        verdicts.append(verdict)
        cases.append(Case(verdict.rehearsal.name, took_s, verdict.why, verdict.difference))
        _say(console, file.path, cases[-1])
    compared = _compare(file.path, verdicts, goldens)
    if compared is not None:
        cases.append(compared)
        _say(console, file.path, compared)
    return Suite(str(file.path), tuple(cases))


def _refuse_shared_goldens(files: Sequence[LoadedFile], goldens: _Goldens) -> None:
    owners: dict[Path, Path] = {}
    for file in files:
        path = goldens.path_of(file.path)
        first = owners.setdefault(path, file.path)
        if first is not file.path and (goldens.update or path.exists()):
            what = f"{first} would have the same golden file {path}"
            raise BadInput(f"{what}; accepted: another name, or one at a time", file=str(file.path))


def _compare(file: Path, verdicts: Sequence[Verdict], goldens: _Goldens) -> Case | None:
    """None where there is no golden file, and none is asked for."""
    path, now = goldens.path_of(file), golden_text(verdicts)
    if goldens.update:
        _write(path, now.encode(), "--update")
        return None
    if not path.exists():
        if goldens.folder is None:
            return None
        why = f"there is no {path}; --update writes it"
        return Case(GOLDEN_CASE, 0.0, why, why)
    try:
        golden = path.read_bytes()
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}", file=str(path)) from None
    if golden == now.encode():
        return Case(GOLDEN_CASE, 0.0)
    difference = golden_difference(golden.decode(errors="replace"), now)
    return Case(GOLDEN_CASE, 0.0, f"the timeline is not that of {path}", difference)


def _write(path: Path, text: bytes, option: str) -> None:
    try:
        write_atomically(path, text)
    except OSError as error:
        what = f"{path} cannot be written: {error.strerror}; accepted: a place that can"
        raise BadInput(what, field=option) from None


def _say(console: Console, file: Path, case: Case) -> None:
    mark, style = ("\u2717", "bold red") if case.why else ("\u2713", "green")
    console.print(Text(f"{mark} {file}: {case.name}", style=style))
    if not case.why:
        return
    details = case.details if case.details.startswith(case.why) else f"{case.why}\n{case.details}"
    for line in details.splitlines():
        is_first_difference = line.startswith("> ")
        console.print(Text(f"    {line}".rstrip(), style="bold" if is_first_difference else ""))
