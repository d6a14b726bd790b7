"""`selfright simulate`: a scenario in virtual time, random mixes of faults, or users against the
running service (`--live`). Decides which of them is meant; the work is done elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from controller.errors import BadInput
from selfright.live_simulation import simulate_live, terminable
from selfright.random_simulation import simulate_random
from selfright.running_stack import find_settings
from selfright.terminal import one_line_errors
from selfright.virtual_simulation import simulate_scenario
from simulator.live.faults import FAULTS
from simulator.live.run import Run
from simulator.live.schedule import scheduled
from simulator.scenario.shipped import find_scenario, whys

LIVE_RATE_PER_S = 60.0
LIVE_DURATION_S = 120.0


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("simulate")(simulate_command)


def simulate_command(
    scenario: Annotated[
        str | None, typer.Argument(help="A shipped scenario (see --list) or a YAML file.")
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="The shipped scenarios.")] = False,
    random: Annotated[
        bool, typer.Option("--random", help="Random mixes of faults, one a seed.")
    ] = False,
    live: Annotated[
        bool, typer.Option("--live", help="Against the running service, in real time.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of everything drawn; --random: first.")] = 1,
    seeds: Annotated[
        int | None, typer.Option(min=1, max=1_000_000, help="--random: how many.")
    ] = None,
    playbooks: Annotated[
        Path | None, typer.Option(help="Judge with this folder of playbooks instead.")
    ] = None,
    log: Annotated[
        Path | None,
        typer.Option(help="Keep decision log and journal here, for decisions and replay."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The report as JSON.")] = False,
    report: Annotated[
        Path | None, typer.Option(help="Write the timeline: FILE.html or FILE.png.")
    ] = None,
    save: Annotated[
        Path | None, typer.Option(help="--random: write a failing scenario, shrunk, to this file.")
    ] = None,
    ratings: Annotated[
        Path | None,
        typer.Option(help="--live: ratings (MovieLens layout) to make users from."),
    ] = None,
    rate: Annotated[
        float | None, typer.Option(min=0.1, max=10_000, help="--live: requests per second [60].")
    ] = None,
    duration: Annotated[
        float | None, typer.Option(min=1, max=86_400, help="--live: seconds [120].")
    ] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option(help=f"--live: NAME@AT+FOR in seconds, repeatable: {', '.join(FAULTS)}."),
    ] = None,
    population_seed: Annotated[
        int | None, typer.Option(min=0, help="--live: the --seed of `selfright up` [1].")
    ] = None,
    settings: Annotated[
        Path | None, typer.Option(help="--live: selfright.yaml of the service.")
    ] = None,
    data_dir: Annotated[Path | None, typer.Option(help="--live: default .selfright")] = None,
) -> None:
    """Run a scenario in virtual time, random mixes of faults, or users against the real service.

    Exit codes: 0 as expected; 1 an expectation was not met (--live: it did not heal, or fewer
    than 99.9 % of all requests got a valid slate); 2 bad input; 3 an invariant was broken.
    """
    given = _Given(
        {
            "SCENARIO": scenario,
            "--list": list_ or None,
            "--random": random or None,
            "--live": live or None,
            "--seeds": seeds,
            "--playbooks": playbooks,
            "--log": log,
            "--json": as_json or None,
            "--report": report,
            "--save": save,
            "--ratings": ratings,
            "--rate": rate,
            "--duration": duration,
            "--fault": fault or None,
            "--population-seed": population_seed,
            "--settings": settings,
            "--data-dir": data_dir,
        }
    )
    with one_line_errors(), terminable():
        way = given.way()
        if way == "--list":
            _print_list()
            return
        if way == "--live":
            what = Run(
                ratings=ratings,
                rate_per_s=rate or LIVE_RATE_PER_S,
                duration_s=duration or LIVE_DURATION_S,
                faults=tuple(scheduled(text) for text in fault or ()),
                seed=seed,
                population_seed=1 if population_seed is None else population_seed,
            )
            code = simulate_live(find_settings(settings, data_dir), what, as_json)
        elif way == "--random":
            code = simulate_random(seed, seeds or 1, save, as_json)
        else:
            path = find_scenario(str(scenario))
            code = simulate_scenario(
                str(scenario),
                path,
                seed,
                playbooks=playbooks,
                log=log,
                report=report,
                as_json=as_json,
            )
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
    },
}
"""The ways to simulate, and the options that mean something in each; --seed fits all."""


@dataclass(frozen=True, slots=True)
class _Given:
    """Options by name; None where one was not given."""

    values: dict[str, Any]

    def way(self) -> str:
        """The one way that is meant. Raise BadInput for none, two, or an option of another."""
        given = [name for name, value in self.values.items() if value is not None]
        ways = [name for name in given if name in _FITTING]
        if len(ways) != 1:
            said = " and ".join(ways) or "nothing"
            what = f"{said} was given; accepted: one of {', '.join(_FITTING)}"
            raise BadInput(what, field="simulate")
        way = ways[0]
        for name in given:
            if name != way and name not in _FITTING[way]:
                fits = ", ".join(sorted({*_FITTING[way], "--seed"}))
                what = f"means nothing with {way}; accepted: {fits}"
                raise BadInput(what, field=name)
        return way


def _print_list() -> None:
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for name, why in whys().items():
        table.add_row(name, why)
    Console(highlight=False).print(table)
