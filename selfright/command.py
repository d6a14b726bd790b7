"""The `selfright` command: one composition of the sub-commands, each in a file of its own."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

import playbooks
from controller.errors import BadInput
from controller.origin import check_origin
from controller.settings import Settings
from controller.settings_file import read_settings, resolve, with_endpoints
from selfright.process_end import ended_by_signal, whole_output
from selfright.terminal import one_line_errors, refusal, say

COMMANDS = {
    "budget": "budget_command",
    "calibrate": "calibrate_command",
    "demo": "demo_command",
    "approve": "operator_command",
    "reject": "operator_command",
    "thaw": "operator_command",
    "release": "operator_command",
    "acknowledge": "operator_command",
    "freeze": "operator_command",
    "override": "operator_command",
    "promote": "operator_command",
    "replay": "replay_command",
    "shadow": "shadow_command",
    "signals": "signals_command",
    "simulate": "simulate_command",
    "status": "status_command",
    "decisions": "decisions_command",
    "playbooks": "playbooks_command",
    "slo": "slo_command",
}
"""Which module has which sub-command. `up` is here."""


def command_for(words: Sequence[str]) -> typer.Typer:
    """The command with what ``words`` (without the program's name) need of it.

    Only the module of the sub-command they name is imported: together they take seconds. For help,
    completion and names nobody knows it is all of them.
    """
    app = typer.Typer(
        name="selfright",
        help="A self-healing, closed-loop controller for recommendation services.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
    )
    app.command()(up)
    named = words[0] if words else ""
    if named == "up":
        app.callback()(_nothing_before)
        return app
    for module in dict.fromkeys([COMMANDS[named]] if named in COMMANDS else COMMANDS.values()):
        import_module(f"selfright.{module}").register(app)
    return app


def _nothing_before() -> None:
    """A group of one sub-command stays a group only with something to do before it."""


def up(
    settings: Annotated[
        Path | None, typer.Option(help="Default: ./selfright.yaml, if there is one.")
    ] = None,
    kafka: Annotated[str, typer.Option(help="host:port of an existing Kafka.")] = "",
    redis: Annotated[str, typer.Option(help="redis://host:port/0 of an existing Redis.")] = "",
    ray: Annotated[str, typer.Option(help="Address of an existing Ray cluster.")] = "",
    port: Annotated[int | None, typer.Option(help="HTTP port; 0: any free one.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Default: .selfright")] = None,
    ratings: Annotated[
        Path | None, typer.Option(help="Ratings (MovieLens layout) to make first models from.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the first models' history.")] = 1,
) -> None:
    """Start serving, controller and whatever they need here; Ctrl-C stops all of it."""
    from selfright.up import run_up  # noqa: PLC0415  (imports Kafka and Redis clients)

    with one_line_errors():
        found = read_settings(settings) if settings else _default_settings()
        found = _with_flags(found, {"kafka": kafka, "redis": redis, "ray": ray}, port, data_dir)
        run_up(found, ratings=ratings, seed=seed, say=say)


def _default_settings() -> Settings:
    """This folder's selfright.yaml; without one its playbooks, or else the shipped ones."""
    here = Path("selfright.yaml")
    if here.exists():
        say(f"settings: {here}")
        return read_settings(here)
    found = resolve(Settings(), Path.cwd())
    if found.playbooks.is_dir():
        return found
    shipped = Path(playbooks.__file__).parent
    say(f"no folder {found.playbooks.name}/ here: using the shipped playbooks in {shipped}")
    return found.model_copy(update={"playbooks": shipped})


def _with_flags(
    settings: Settings, addresses: dict[str, str], port: int | None, data_dir: Path | None
) -> Settings:
    changed: dict[str, str | int] = {n: address for n, address in addresses.items() if address}
    if port is not None:
        changed["http_port"] = port
    found = with_endpoints(settings, changed)
    return found if data_dir is None else found.model_copy(update={"data_dir": data_dir.resolve()})


def main() -> None:
    """The console script."""
    try:
        check_origin()
    except BadInput as error:
        sys.exit(refusal(error))
    with ended_by_signal(), whole_output():
        try:
            code = command_for(sys.argv[1:])(standalone_mode=False)
        except _UsageError as error:
            if type(error).__name__ == "NoArgsIsHelpError":
                sys.exit(2)
            sys.exit(refusal(_as_bad_input(error)))
        except typer.Abort:
            sys.exit(130)
        sys.exit(code)


_UsageError: Any = typer.BadParameter.__mro__[1]
"""Typer may carry its own Click, whose errors are not those of the installed one."""


def _as_bad_input(error: Any) -> BadInput:
    """A usage error as one line: the option, and what is wrong with it."""
    parameter = getattr(error, "param", None)
    if parameter is None or not error.message:
        return BadInput(" ".join(error.format_message().split()))
    return BadInput(" ".join(error.message.split()).removesuffix("."), field=parameter.opts[0])
