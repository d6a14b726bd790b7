"""Whatever healthy things happen in whatever order, nothing is broken."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulator.invariants.conftest import HandMade

WISHES = st.lists(
    st.sampled_from(["open", "stage", "recover", "blocked", "elect", "wait", "rest"]), max_size=25
)


@settings(max_examples=60)
@given(wishes=WISHES)
def test_a_healthy_sequence_never_breaks(wishes: list[str]) -> None:
    run = HandMade()
    run.elect()
    name = ""
    for wish in wishes:
        name = _do(run, wish, name)
        run.step()
    run.finish()
    assert run.broken == []


def _do(run: Any, wish: str, name: str) -> str:
    """One thing, if it may happen now; the open incident afterwards."""
    match wish:
        case "open" if not name:
            run.at_s += 400.0  # beyond cooldown and budget
            return str(run.open())
        case "stage" if name:
            mine = [{**run.claims[0], "returned": 0.5}]
            run.commit(run.record("returning", incident=name, claims_after=mine))
        case "recover" if name:
            run.recover(name)
            return ""
        case "blocked":
            run.commit(run.record("blocked"))
        case "elect":
            run.epoch += 1
            run.elect()
        case "wait":
            run.at_s += 7.0
        case _:
            run.step()
    return name
