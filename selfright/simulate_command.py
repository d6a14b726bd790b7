"""`selfright simulate`: a scenario in virtual time, random mixes of faults, or users against the
running service (`--live`). Decides which of them is meant; the work is done elsewhere.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from controller.errors import BadInput
from selfright.live_simulation import simulate_live
from selfright.random_simulation import simulate_random
from selfright.running_stack import find_settings
from selfright.terminal import SafeConsole, one_line_errors
from selfright.virtual_simulation import Keep, simulate_scenario
from simulator.live.faults import FAULTS
from simulator.live.run import Run
from simulator.live.schedule import scheduled
from simulator.scenario.shipped import find_scenario, whys

_COMMAND_LINE = "COMMANDLINE"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("simulate")(simulate_command)


Named = Annotated[str | None, typer.Argument(help="A shipped scenario (see --list) or a file.")]
List = Annotated[bool, typer.Option("--list", help="The shipped scenarios.")]
Random = Annotated[bool, typer.Option("--random", help="Random mixes of faults, one a seed.")]
Live = Annotated[bool, typer.Option("--live", help="Against the running service, in real time.")]
Seed = Annotated[int, typer.Option(min=0, help="Of everything drawn; --random: the first.")]
Seeds = Annotated[int, typer.Option(min=1, max=1_000_000, help="--random: how many.")]
Playbooks = Annotated[Path | None, typer.Option(help="Judge with this folder instead.")]
Log = Annotated[Path | None, typer.Option(help="Keep decision log and journal in this folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="The report as JSON.")]
Picture = Annotated[Path | None, typer.Option(help="Write the timeline: FILE.html or FILE.png.")]
Save = Annotated[Path | None, typer.Option(help="--random: write the shrunk failure to this file.")]
Ratings = Annotated[Path | None, typer.Option(help="--live: ratings to make users from.")]
Rate = Annotated[float, typer.Option(min=0.1, max=10_000, help="--live: requests per second.")]
Duration = Annotated[float, typer.Option(min=1, max=86_400, help="--live: seconds.")]
Faults = Annotated[
    list[str] | None,
    typer.Option(help=f"--live: NAME@AT+FOR in seconds, repeatable: {', '.join(FAULTS)}."),
]
PopulationSeed = Annotated[int, typer.Option(min=0, help="--live: --seed of `selfright up`.")]
SettingsFile = Annotated[Path | None, typer.Option(help="--live: selfright.yaml of the service.")]
DataDir = Annotated[Path | None, typer.Option(help="--live: default .selfright")]


def simulate_command(
    context: typer.Context,
    scenario: Named = None,
    list_: List = False,
    random: Random = False,
    live: Live = False,
    seed: Seed = 1,
    seeds: Seeds = 1,
    playbooks: Playbooks = None,
    log: Log = None,
    as_json: AsJson = False,
    report: Picture = None,
    save: Save = None,
    ratings: Ratings = None,
    rate: Rate = 60.0,
    duration: Duration = 120.0,
    fault: Faults = None,
    population_seed: PopulationSeed = 1,
    settings: SettingsFile = None,
    data_dir: DataDir = None,
) -> None:
    """Run a scenario in virtual time, random mixes of faults, or users against the real service.

    Exit codes: 0 as expected; 1 an expectation was not met (--live: it did not heal, or fewer
    than 99.9 % of all requests got a valid slate); 2 bad input; 3 an invariant was broken.
    """
    del list_, random, live  # `_given` reads them, with all others
    with one_line_errors():
        way = _way(_given(context))
        if way == "--list":
            _print_list()
            return
        if way == "--live":
            what = Run(
                ratings=ratings,
                rate_per_s=rate,
                duration_s=duration,
                faults=tuple(scheduled(text) for text in fault or ()),
                seed=seed,
                population_seed=population_seed,
            )
            code = simulate_live(find_settings(settings, data_dir), what, as_json, report)
        elif way == "--random":
            code = simulate_random(seed, seeds, save, as_json)
        else:
            name = str(scenario)
            keep = Keep(log, report)
            code = simulate_scenario(name, find_scenario(name), seed, playbooks, keep, as_json)
    raise typer.Exit(code)


_FITTING = {
    "SCENARIO": {"--playbooks", "--log", "--json", "--report"},
    "--list": set[str](),
    "--random": {"--seeds", "--save", "--json"},
    "--live": {
        "--ratings",
        "--rate",
        "--duration",
        "--fault",
        "--population-seed",
        "--settings",
        "--data-dir",
        "--json",
        "--report",
    },
}
"""The ways to simulate, and the options that mean something in each; --seed fits all."""


def _given(context: typer.Context) -> list[str]:
    """What stands on the command line, by the names people write."""
    given = []
    for parameter in context.command.params:
        source = context.get_parameter_source(str(parameter.name))
        if source is not None and source.name == _COMMAND_LINE:
            given.append("SCENARIO" if parameter.name == "scenario" else parameter.opts[0])
    return given


def _way(given: list[str]) -> str:
    """The one way that is meant. Raise BadInput for none, two, or an option of another."""
    ways = [name for name in given if name in _FITTING]
    if len(ways) != 1:
        said = " and ".join(ways) or "nothing"
        what = f"{said} was given; accepted: one of {', '.join(_FITTING)}"
        raise BadInput(what, field="simulate")
    way = ways[0]
    for name in given:
        if name not in {way, "--seed", *_FITTING[way]}:
            fits = ", ".join(sorted({*_FITTING[way], "--seed"}))
            raise BadInput(f"means nothing with {way}; accepted: {fits}", field=name)
    return way


def _print_list() -> None:
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for name, why in whys().items():
        table.add_row(name, why)
    SafeConsole(highlight=False).print(table)
