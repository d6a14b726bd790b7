"""Which segment a user is of: drawn once, by a stream named for the segment column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from simulator.population.people import Integers
from simulator.population.streams import Streams


def segment_rows(
    streams: Streams, segments: Mapping[str, Sequence[str]], users: int
) -> dict[str, Integers]:
    """By column with values: (users,) places in its values."""
    return {
        name: streams.named(f"segment {name}").integers(len(values), size=users)
        for name, values in segments.items()
        if values
    }
