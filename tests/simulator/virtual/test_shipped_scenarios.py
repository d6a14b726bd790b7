"""Every shipped scenario keeps its promise on five seeds, with every invariant whole."""

from __future__ import annotations

import pytest

from simulator.scenario.loading import scenario_from_file
from simulator.scenario.shipped import find_scenario, shipped
from simulator.virtual.outcome import sentences
from simulator.virtual.run import run_scenario


@pytest.mark.parametrize("seed", range(1, 6))
@pytest.mark.parametrize("name", list(shipped()))
def test_it_is_as_expected(name: str, seed: int) -> None:
    outcome = run_scenario(scenario_from_file(find_scenario(name)), seed)
    missed = [judged.sentence for judged in outcome.judged if not judged.met]
    repeat = f"selfright simulate {name} --seed {seed}"
    assert (missed, sentences(outcome.broken)) == ([], []), repeat
    assert outcome.judged, f"{name} expects nothing"
