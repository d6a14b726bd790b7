"""Every shipped scenario keeps its promise on five seeds, with every invariant whole."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor

import pytest

from simulator.scenario.loading import scenario_from_file
from simulator.scenario.shipped import find_scenario, shipped
from simulator.virtual.outcome import sentences
from simulator.virtual.run import run_scenario

SEEDS = {
    "flat-scores": 2,
    "odd-system": 2,
    "slow-segment": 2,
    "null-features": 2,
    "cache-collapse": 2,
    "ctr-collapse": 2,
    "slow-and-drifting": 1,
    "queue-build-up": 2,
    "slow-replica": 2,
    "growing-crowd": 1,
    "thin-tail": 1,
    "costly-answers": 1,
    "failing-fallback": 1,
}
"""Of those that take long, or that one playbook alone looks at; five for the others."""
RUNS = [(name, seed) for name in shipped() for seed in range(1, 1 + SEEDS.get(name, 5))]


def what_went_wrong(name: str, seed: int) -> list[str]:
    outcome = run_scenario(scenario_from_file(find_scenario(name)), seed)
    assert outcome.judged, f"{name} expects nothing"
    missed = [judged.sentence for judged in outcome.judged if not judged.met]
    return [*missed, *sentences(outcome.broken)]


@pytest.fixture(scope="module")
def runs(request: pytest.FixtureRequest) -> Iterator[dict[tuple[str, int], Future[list[str]]]]:
    """The selected ones, as many at a time as there are cores."""
    workers = min(8, os.cpu_count() or 1)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        selected = [
            (item.callspec.params["name"], item.callspec.params["seed"])
            for item in request.session.items
            if isinstance(item, pytest.Function)
            and getattr(item, "originalname", "") == "test_it_is_as_expected"
        ]
        yield {run: pool.submit(what_went_wrong, *run) for run in selected}
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize(("name", "seed"), RUNS)
def test_it_is_as_expected(
    runs: dict[tuple[str, int], Future[list[str]]], name: str, seed: int
) -> None:
    assert runs[name, seed].result() == [], f"selfright simulate {name} --seed {seed}"
