"""The table of phases, its diagram in the README, and that every phase can end."""

from __future__ import annotations

from pathlib import Path

import pytest

import controller.core
from controller.core.phases import ENDED, TRANSITIONS, Event, Phase, follow, mermaid

README = Path(controller.core.__file__).parent / "README.md"


def test_the_readme_draws_exactly_the_table() -> None:
    assert f"```mermaid\n{mermaid()}\n```" in README.read_text(encoding="utf-8")


def test_every_phase_can_be_reached_and_can_end() -> None:
    reached = {Phase.OPENED, *TRANSITIONS.values()}
    assert reached == set(Phase)
    can_end = set(ENDED)
    for _ in Phase:
        can_end |= {phase for (phase, _), after in TRANSITIONS.items() if after in can_end}
    assert can_end == set(Phase)


def test_an_ended_incident_goes_nowhere() -> None:
    assert not [phase for phase, _ in TRANSITIONS if phase in ENDED]


def test_a_transition_outside_the_table_is_our_own_mistake() -> None:
    with pytest.raises(KeyError):
        follow(Phase.RECOVERED, Event.ACT)
