"""`selfright calibrate`: how often the loaded rules would act on a healthy service."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from controller.calibration.healthy import HealthyPeriod, HealthyRecorder
from controller.calibration.rules import Calibration, RuleRate, acting, calibrate, keys_of
from controller.core.facts import Tick
from controller.core.playbook import Playbook
from controller.core.readings import SignalKey
from controller.errors import BadInput
from controller.language.loading import load_playbooks
from controller.language.quantities import duration_s
from controller.monitors.layers import catalogue_of
from controller.settings import Endpoints, Settings
from controller.shell.fact_rows import from_row
from controller.shell.journal import segment_paths
from controller.shell.segment import read_segment
from selfright.settings_at_hand import settings_at_hand
from selfright.terminal import SafeConsole, one_line_errors
from selfright.virtual_simulation import run_shown

HEALTHY = "nothing"
"""The shipped scenario without a fault."""
DAY_S = 86_400.0
LONGEST_S = 30 * DAY_S
"""Of a simulation."""


def register(app: typer.Typer) -> None:
    """Add `calibrate` to ``app``."""
    app.command("calibrate")(calibrate_command)


def calibrate_command(
    journals: Annotated[
        list[Path] | None,
        typer.Argument(help="Journal segments, or folders of them, of a healthy period."),
    ] = None,
    simulate: Annotated[
        str, typer.Option("--simulate", help="Learn from so much simulated health, e.g. 6h.")
    ] = "",
    seed: Annotated[int, typer.Option(min=0, help="Of the simulation and of the intervals.")] = 1,
    playbooks: Annotated[
        Path | None, typer.Option(help="Default: those the settings name.")
    ] = None,
    settings: Annotated[Path | None, typer.Option("--settings", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Print each acting rule's and the whole's expected false actions, with 95 % intervals.

    Exit code 0: within the budget of `false_actions`; 1: not shown to be, or exceeded.
    """
    with one_line_errors():
        if bool(journals) == bool(simulate):
            raise BadInput(
                "one source is needed; accepted: JOURNAL..., or --simulate DURATION", field="SOURCE"
            )
        known = settings_at_hand(settings)
        rules = load_playbooks(playbooks or known.playbooks, known, catalogue_of(known))
        keys = keys_of(rules, known.for_judge(catalogue_of(known)))
        if journals:
            period = _recorded(journals, keys)
        else:
            period = _simulated(_length_s(simulate), seed, _simulable(known, playbooks), keys)
        found = _calibrated(rules, known, period, seed)
    if as_json:
        typer.echo(json.dumps(to_document(found, period), indent=2))
    else:
        _show(SafeConsole(highlight=False), found, period, known, len(rules) - len(acting(rules)))
    raise typer.Exit(0 if found.verdict == "holds" else 1)


def _calibrated(
    rules: tuple[Playbook, ...], settings: Settings, period: HealthyPeriod, seed: int
) -> Calibration:
    judged = settings.for_judge(catalogue_of(settings))
    return calibrate(rules, judged, period, settings.false_actions, seed)


def _recorded(journals: list[Path], keys: frozenset[SignalKey]) -> HealthyPeriod:
    recorder = HealthyRecorder(keys)
    for path in segment_paths(journals):
        for row in read_segment(path).rows:
            fact = from_row(row)
            if isinstance(fact, Tick):
                recorder.take(fact.at_s, fact.readings)
    period = recorder.period()
    if not period.length:
        raise BadInput("no ticks are recorded there", file=", ".join(map(str, journals)))
    return period


def _length_s(text: str) -> float:
    try:
        seconds = duration_s(text)
    except ValueError as error:
        raise BadInput(str(error), field="--simulate") from None
    if not 1.0 <= seconds <= LONGEST_S:
        raise BadInput(f"{text!r} is out of range; accepted: 1s to 30d", field="--simulate")
    return seconds


def _simulable(settings: Settings, playbooks: Path | None) -> Settings:
    """The user's own, without what reaches out of the program."""
    inside = {
        "playbooks": playbooks or settings.playbooks,
        "endpoints": Endpoints(),
        "faults_enabled": False,
        "tally_workers": 0,
    }
    return settings.model_copy(update=inside)


def _simulated(
    seconds: float, seed: int, settings: Settings, keys: frozenset[SignalKey]
) -> HealthyPeriod:
    """The healthy world with the arms, feature groups and segments of ``settings``.

    Raise BadInput for a reading that the world never has.
    """
    from simulator.scenario.loading import scenario_from_file  # noqa: PLC0415  (slow to import)
    from simulator.scenario.shipped import find_scenario  # noqa: PLC0415

    scenario = scenario_from_file(find_scenario(HEALTHY))
    scenario = replace(scenario, settings=settings, duration_s=seconds, expectations=())
    _check_inputs(keys, scenario.world.inputs)
    recorder = HealthyRecorder(keys)
    run_shown(scenario, seed, "", None, look=recorder.take)
    return recorder.period()


def _check_inputs(keys: frozenset[SignalKey], count: int) -> None:
    """Inputs are the one thing that rules name and no setting does: the world has its own."""
    from simulator.world.inputs import input_names  # noqa: PLC0415  (slow to import)

    names = input_names(count)
    for key in sorted(keys):
        for label, value in key.labels:
            if label == "feature" and value not in names:
                what = f"{key} cannot be simulated: the simulated model's inputs are {names[0]} to "
                what += f"{names[-1]}; accepted: a recorded JOURNAL, or rules without it"
                raise BadInput(what, field="--simulate")


def to_document(found: Calibration, period: HealthyPeriod) -> dict[str, Any]:
    """Plain JSON types; rates are actions per day."""
    low, high = found.interval_per_s
    return {
        "watched_days": round(period.days, 6),
        "rules": [_rule_document(rule) for rule in found.rules],
        "expected_per_day": found.expected_per_s * DAY_S,
        "interval_per_day": [low * DAY_S, high * DAY_S],
        "budget_per_day": found.budget_per_s * DAY_S,
        "verdict": found.verdict,
    }


def _rule_document(rule: RuleRate) -> dict[str, Any]:
    low, high = rule.rate.interval
    return {
        "playbook": rule.playbook,
        "target": rule.target,
        "how": rule.rate.how,
        "watched_days": round(rule.rate.watched_s / DAY_S, 6),
        "crossings": rule.rate.crossings,
        "expected_per_day": rule.rate.expected_per_s * DAY_S,
        "interval_per_day": [low * DAY_S, high * DAY_S],
    }


def _show(
    console: Console, found: Calibration, period: HealthyPeriod, settings: Settings, idle: int
) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    sides = (("rule", "left"), ("watched", "right"), ("seen", "right"), ("how", "left"))
    for name, side in sides:
        table.add_column(name, justify=side)  # type: ignore[arg-type]
    table.add_column("false actions", justify="right", no_wrap=True)
    table.add_column("95 % interval", justify="right", no_wrap=True)
    for rule in found.rules:
        name = rule.playbook + (f" [{rule.target}]" if rule.target else "")
        watched = f"{rule.rate.watched_s / DAY_S:.2f} d"
        known = rule.rate.watched_s > 0.0
        interval = _between(*rule.rate.interval) if known else "unknown"
        expected = _rate(rule.rate.expected_per_s) if known else "unknown"
        seen, how = str(rule.rate.crossings), rule.rate.how
        table.add_row(Text(name), watched, seen, how, expected, interval)
    table.add_row(
        Text("all of them", style="bold"),
        "",
        "",
        "",
        _rate(found.expected_per_s),
        _between(*found.interval_per_s),
    )
    console.print(
        f"learnt from {period.days:.2f} days; watched = of them, with all that a rule needed known;"
        " seen = times it was met"
    )
    console.print(table)
    if idle:
        console.print(f"{idle} playbooks only suggest or watch, and count for nothing")
    console.print(_verdict(found, settings))


def _verdict(found: Calibration, settings: Settings) -> str:
    budget = f"the budget of {settings.false_actions} (false_actions)"
    return {
        "holds": f"holds: the whole interval lies within {budget}",
        "exceeded": f"exceeded: the whole interval lies above {budget}",
        "not shown": f"not shown: the interval reaches beyond {budget}; "
        "a longer healthy period makes it narrower",
    }[found.verdict]


def _rate(per_s: float) -> str:
    """Actions in a period people can picture."""
    per_day = per_s * DAY_S
    if per_day >= 1.0:
        return f"{per_day:.1f} per day"
    if per_day * 60.0 >= 0.1:
        return f"{per_day * 60.0:.1f} per 60 d"
    return "0" if not per_s else f"{per_day * 3_650.0:.2g} per 10 years"


def _between(low_per_s: float, high_per_s: float) -> str:
    if not low_per_s:
        return f"at most {_rate(high_per_s)}"
    return f"{_rate(low_per_s)} to {_rate(high_per_s)}"
