"""What people on call do in a random mix: they help, interfere, mistype, and put it right again."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator.spec import WorldSpec

Draw = np.random.Generator
Command = dict[str, str]

PLAYBOOKS = ("slow-primary", "failing-primary", "stale-features", "silent-outcomes")
FIRST_EPOCH = int(WorldSpec().start_s) + 2
"""Epochs are seconds of elections, and the first is two seconds into a run."""


def random_commands(draw: Draw, last_s: int) -> list[Command]:
    """In order of time, up to three errands, each over at ``last_s`` by a word or by its time.

    A run names commands by their place, which is what a release must say.
    """
    wished: list[tuple[int, str, str, int | None]] = []
    for number in range(int(draw.integers(1, 4))):
        at_s = int(draw.integers(30, last_s - 60))
        wished += _errand(draw, number, at_s, last_s)
    wished.sort(key=lambda each: each[0])
    places = {number: place for place, (_, verb, _, number) in enumerate(wished) if _opens(verb)}
    return [
        {"at": f"{at_s}s", "verb": verb, "target": _target(verb, target, number, places)}
        for at_s, verb, target, number in wished
    ]


def _errand(
    draw: Draw, number: int, at_s: int, last_s: int
) -> list[tuple[int, str, str, int | None]]:
    """(when, verb, target, which override it gives or takes)."""
    until_s = int(draw.integers(at_s + 10, last_s))
    kind = int(draw.integers(5))
    if kind == 0:
        what = _one(draw, "all", "promotions", *PLAYBOOKS)
        return [(at_s, "freeze", what, None), (until_s, "thaw", what, None)]
    if kind == 1:
        what = _one(draw, "all", *PLAYBOOKS)
        return [(at_s, "freeze", f"{what} for {until_s - at_s}s", None)]
    if kind == 2:
        share = round(float(draw.uniform(0.0, 1.0)), 2)
        lasting = f"primary={share} for {last_s - at_s}s"
        return [(at_s, "override", lasting, number), (until_s, "release", "", number)]
    if kind == 3:
        return [(at_s, "thaw", _one(draw, "promotions", *PLAYBOOKS), None)]
    incident = f"{_one(draw, *PLAYBOOKS)}-{FIRST_EPOCH}-{int(draw.integers(2, 6))}"
    return [(at_s, "acknowledge", incident, None)]


def _opens(verb: str) -> bool:
    return verb == "override"


def _target(verb: str, target: str, number: int | None, places: dict[Any, int]) -> str:
    return f"command-{places[number]}" if verb == "release" else target


def _one(draw: Draw, *words: str) -> str:
    return words[int(draw.integers(len(words)))]
