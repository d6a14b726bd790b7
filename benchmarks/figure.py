"""One measured figure beside its floor, and the command line every benchmark has."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """``ratio`` is value / baseline; ``holds`` says whether the goal is met in this run.

    ``holds`` is None where there is no goal and the value only stands beside the others.
    """

    name: str
    value: float
    unit: str
    baseline: float | None
    ratio: float | None
    goal: str
    holds: bool | None


def run_benchmark(
    about: str, arguments: Sequence[str] | None, figures: Callable[[bool], Iterable[Figure]]
) -> int:
    """Print figures as they come; ``figures`` is told whether to be quick.

    0 when every goal holds in this run, else 1.
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    options = parser.parse_args(arguments)
    hold = True
    for figure in figures(options.quick):
        hold = hold and figure.holds is not False
        print(json.dumps(asdict(figure)) if options.json else _line(figure), flush=True)
    return 0 if hold else 1


def _line(figure: Figure) -> str:
    beside = f"floor {figure.baseline:,.1f}" if figure.baseline is not None else ""
    ratio = f"{figure.ratio:.0%}" if figure.ratio is not None else ""
    verdict = {True: "holds", False: "MISSED", None: "-"}[figure.holds]
    shown = f"{figure.value:>14,.1f} {figure.unit:<12}{beside:<21} {ratio:>6}"
    return f"{figure.name:<68}{shown}  {verdict}: {figure.goal}"
