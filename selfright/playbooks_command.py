"""`selfright playbooks check | show | rule | schema | prove | test`: without a running system."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from controller.atomic_file import write_atomically
from controller.errors import BadInput
from controller.language.findings import Finding
from controller.language.json_schema import playbook_schema
from controller.language.loading import check, named_files, playbook_from_file
from controller.language.rules import all_pages, rule_page
from controller.language.sentences import describe
from controller.language.vocabulary import Vocabulary
from controller.monitors.layers import catalogue_of
from selfright.playbooks_test_command import rehearse_command
from selfright.prove_command import prove_command
from selfright.settings_at_hand import settings_at_hand
from selfright.terminal import SafeConsole, one_line_errors

_COLOURS = {"error": "bold red", "warning": "yellow"}

app = typer.Typer(help="Check and explain playbooks.", no_args_is_help=True)

Paths = Annotated[list[Path], typer.Argument(help="Files, or folders of YAML files.")]
SettingsFile = Annotated[
    Path | None,
    typer.Option(help="Names arms, feature groups and segments. Default: ./selfright.yaml, if any"),
]

app.command("prove")(prove_command)
app.command("test")(rehearse_command)


def register(parent: typer.Typer) -> None:
    """Add the group `playbooks` to ``parent``."""
    parent.add_typer(app, name="playbooks")


@app.command("check")
def check_command(
    paths: Paths,
    settings: SettingsFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="Findings as a JSON list.")] = False,
) -> None:
    """Check playbooks: one line a finding. Exit code 2 when one is an error."""
    with one_line_errors():
        known = settings_at_hand(settings)
        files = named_files(paths)
        findings = check(files, known, catalogue_of(known))
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        _print_findings(findings, len(files))
    if any(finding.severity == "error" for finding in findings):
        raise typer.Exit(2)


@app.command("show")
def show_command(
    path: Annotated[Path, typer.Argument(help="A playbook file.")], settings: SettingsFile = None
) -> None:
    """Say in plain sentences what a playbook does."""
    with one_line_errors():
        known = settings_at_hand(settings)
        playbook = playbook_from_file(path, known, catalogue_of(known))
    console = SafeConsole(highlight=False, soft_wrap=True)
    title, *lines = describe(playbook)
    console.print(Text(title, style="bold"))
    for line in lines:
        console.print(Text(line))


@app.command("rule")
def rule_command(
    rule: Annotated[str, typer.Argument(help="Like P031; without it, all as Markdown.")] = "",
) -> None:
    """Say why a rule of `check` is there, with an example it refuses and one it accepts."""
    with one_line_errors():
        typer.echo(rule_page(rule) if rule else all_pages(), nl=False)


@app.command("schema")
def schema_command(
    settings: SettingsFile = None,
    output: Annotated[
        Path | None, typer.Option(help="A file to write. Default: standard output.")
    ] = None,
) -> None:
    """Print the JSON Schema of a playbook, so that an editor completes and checks one."""
    with one_line_errors():
        known = settings_at_hand(settings)
        schema = playbook_schema(Vocabulary.of(known, catalogue_of(known)))
        text = json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        if output is None:
            typer.echo(text, nl=False)
        else:
            _write(output, text)


def _write(path: Path, text: str) -> None:
    try:
        write_atomically(path, text.encode())
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        what = f"cannot be written: {reason}; accepted: a place that can"
        raise BadInput(what, file=str(path)) from None


def _print_findings(findings: Sequence[Finding], file_count: int) -> None:
    console = SafeConsole(highlight=False, soft_wrap=True)
    playbooks = f"{file_count} playbook{'' if file_count == 1 else 's'}"
    for finding in findings:
        console.print(Text(finding.one_line(), style=_COLOURS[finding.severity]))
        if console.is_terminal and finding.excerpt:
            console.print(Text(f"    {finding.excerpt}"))
            console.print(Text(f"    {' ' * finding.caret}^", style=_COLOURS[finding.severity]))
    errors = sum(finding.severity == "error" for finding in findings)
    if findings:
        warnings = len(findings) - errors
        console.print(Text(f"{playbooks}, {errors} errors, {warnings} warnings"))
    else:
        console.print(Text(f"{playbooks}, no findings"))
