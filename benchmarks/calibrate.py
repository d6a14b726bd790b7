"""Whether the false actions that `selfright calibrate` expects are those that come.

``python -m benchmarks.calibrate [--quick] [--json]``. Rules whose borders healthy readings pass now
and then are calibrated on some weeks; other weeks by other seeds are then counted. Then the whole
path, from requests to opened incidents: in the full form calibrated on seven days and counted over
two other weeks of virtual time, in two processes (some 80 minutes of CPU time, half as long).
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from benchmarks.figure import Figure, run_benchmark
from controller.calibration.healthy import HealthyPeriod, HealthyRecorder, joined
from controller.calibration.rules import Calibration, actions_in, calibrate, keys_of
from controller.core.playbook import Playbook
from controller.core.readings import Readings
from controller.language.loading import load_playbooks
from controller.monitors.layers import catalogue_of
from controller.settings import Settings
from simulator.healthy_readings import WEEK_S, HealthyReadings, HealthyService
from simulator.scenario.loading import scenario_from_file
from simulator.scenario.model import Scenario
from simulator.scenario.shipped import find_scenario
from simulator.virtual.run import run_scenario

SEED = 1
LEARNT_WEEKS = 8
BUDGET = "1 per 60d"
DAY_S = 86_400.0
PROCESSES = 2
WARM_S = 600.0
"""A world that starts with cold caches is not healthy yet; on both sides it is left out."""
PLAYBOOK = """\
version: 1
playbook: {name}
owner: benchmark
why: A border that healthy readings pass now and then.
when: {when}
no_data: hold
do:
  - notify: {{channel: oncall, message: passed}}
clear_when: {clear}
guards: {{autonomy: auto, cooldown: 10m, budget: 64 per 1h}}
"""
TIGHT = {
    "slow": ("arm_latency_ms.p95{arm=primary} > 60ms for 2s", "arm_latency_ms.p95{arm=primary}"),
    "bad": ("arm_bad{arm=primary} > 3.5% for 1s", "arm_bad{arm=primary}"),
    "silent": ("source.silent_s{topic=outcome} > 8s", "source.silent_s{topic=outcome}"),
}
CLEAR = {"slow": "< 50ms for 10s", "bad": "< 2% for 10s", "silent": "< 3s for 10s"}


def figures(quick: bool) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        for name, (when, signal) in TIGHT.items():
            clear = f"{signal} {CLEAR[name]}"
            text = PLAYBOOK.format(name=name, when=_quoted(when), clear=_quoted(clear))
            (Path(folder) / f"{name}.yaml").write_text(text)
        settings = Settings(playbooks=Path(folder))
        tight = load_playbooks(Path(folder), settings, catalogue_of(settings))
        shipped = load_playbooks(Path("playbooks"), settings, catalogue_of(settings))
        weeks = 12 if quick else 200
        yield _weeks("rules that err now and then", tight, settings, weeks)
        yield _weeks("the shipped rules", shipped, settings, weeks)
        yield _whole_path(tight, Path(folder), *((1, 0.05, 0.05) if quick else (7, 1.0, 7.0)))


def _quoted(condition: str) -> str:
    return f'"{condition}"'


def _weeks(what: str, rules: Sequence[Playbook], settings: Settings, weeks: int) -> Figure:
    judged = settings.for_judge(catalogue_of(settings))
    keys = keys_of(rules, judged)
    learning = HealthyReadings(HealthyService(), SEED)
    learnt = joined([learning.week(keys) for _ in range(LEARNT_WEEKS)])
    found = calibrate(rules, judged, learnt, BUDGET, SEED)
    later = HealthyReadings(HealthyService(), SEED + 1)
    actions = sum(actions_in(rules, judged, later.week(keys)) for _ in range(weeks))
    return _figure(f"false actions of {what}, {weeks} weeks", actions, weeks * WEEK_S, found)


def _whole_path(
    rules: Sequence[Playbook], folder: Path, pieces: int, piece_days: float, days: float
) -> Figure:
    """Requests, telemetry, monitors, judge: incidents opened, against what readings promised.

    Learnt from so many pieces of so many days, counted over two runs of ``days``.
    """
    settings = _healthy_world(folder).settings
    judged = settings.for_judge(catalogue_of(settings))
    with ProcessPoolExecutor(PROCESSES, get_context("spawn")) as pool:
        counted = pool.map(partial(_opened, folder, days), (SEED + 1_000, SEED + 1_001))
        learnt = pool.map(partial(_learnt, folder, piece_days), range(SEED, SEED + pieces))
        opened, columns = sum(counted), np.concatenate(list(learnt), axis=1)
    keys = sorted(keys_of(rules, judged))
    period = HealthyPeriod.unbroken(dict(zip(keys, columns, strict=True)), columns.shape[1])
    found = calibrate(rules, judged, period, BUDGET, SEED)
    name = f"incidents opened in 2 x {days:g} days of the whole path"
    return _figure(name, opened, 2.0 * (days * DAY_S - WARM_S), found)


def _healthy_world(folder: Path) -> Scenario:
    scenario = scenario_from_file(find_scenario("nothing"), playbooks=folder)
    traffic = replace(scenario.world.traffic, day_ratio=2.3, burstiness=0.2)
    world = replace(scenario.world, traffic=traffic)
    return replace(scenario, world=world, faults=(), expectations=())


def _learnt(folder: Path, days: float, seed: int) -> NDArray[np.float32]:
    """The readings of the rules' keys in order, (keys, seconds)."""
    scenario = _healthy_world(folder)
    judged = scenario.settings.for_judge(catalogue_of(scenario.settings))
    rules = load_playbooks(folder, scenario.settings, catalogue_of(scenario.settings))
    keys = keys_of(rules, judged)
    learning = HealthyRecorder(keys)
    warm_at_s = scenario.world.start_s + WARM_S

    def look(at_s: float, readings: Readings) -> None:
        if at_s >= warm_at_s:
            learning.take(at_s, readings)

    run_scenario(replace(scenario, duration_s=days * DAY_S), seed, look=look)
    series = learning.period().series
    return np.array([series[key] for key in sorted(keys)])


def _opened(folder: Path, days: float, seed: int) -> int:
    scenario = _healthy_world(folder)
    outcome = run_scenario(replace(scenario, duration_s=days * DAY_S), seed)
    warm_at_s = scenario.world.start_s + WARM_S
    return sum(
        record["phase"] == "opened" and record["at_s"] >= warm_at_s for record in outcome.records
    )


def _figure(name: str, actions: int, seconds: float, found: Calibration) -> Figure:
    """``value`` was counted, ``baseline`` was expected; both are actions per week.

    It holds when the count is one that some rate of the stated interval brings (95 % Poisson).
    """
    low, high = (rate * WEEK_S for rate in found.interval_per_s)
    least, most = (
        stats.poisson.ppf(0.025, low / WEEK_S * seconds),
        stats.poisson.ppf(0.975, high / WEEK_S * seconds),
    )
    counted, expected = actions / seconds * WEEK_S, found.expected_per_s * WEEK_S
    return Figure(
        name,
        counted,
        "per week",
        expected,
        counted / expected if expected else None,
        f"within the stated {low:.2f} to {high:.2f} per week",
        bool(least <= actions <= most),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when every goal holds in this run, else 1."""
    return run_benchmark(__doc__ or "", arguments, figures)


if __name__ == "__main__":
    sys.exit(main())
