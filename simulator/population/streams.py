"""One seed, split by name, so that adding an actor changes no other actor's numbers."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Streams:
    """Random streams of one run. The same (seed, name, number) always gives the same stream."""

    seed: int

    def named(self, name: str, number: int = 0) -> np.random.Generator:
        """The stream of an actor; ``number`` tells apart its requests, slots or episodes."""
        digest = hashlib.sha256(name.encode()).digest()
        words = [int.from_bytes(digest[i : i + 4], "big") for i in range(0, 16, 4)]
        key = (*words, number & 0xFFFFFFFF, number >> 32 & 0xFFFFFFFF)
        sequence = np.random.SeedSequence(self.seed, spawn_key=key)
        return np.random.Generator(np.random.PCG64(sequence))
