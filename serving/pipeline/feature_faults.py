"""Faults of features on demand, for live simulation: frozen and shifted groups.

Obeyed only where the settings enable faults. A file that is missing or broken is no fault; a broken
one is said once.
"""

from __future__ import annotations

import json
import logging
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FeatureFaults:
    """``frozen``: groups no longer written. ``shifted``: group → factor."""

    frozen: frozenset[str] = frozenset()
    shifted: Mapping[str, float] = field(default_factory=dict)


NO_FAULTS = FeatureFaults()


class FaultFile:
    """Reads ``faults.json`` again when it changes."""

    def __init__(self, path: Path | None) -> None:
        """``None``: faults are not enabled."""
        self._path = path
        self._mtime_ns = -1
        self._faults = NO_FAULTS

    def read(self) -> FeatureFaults:
        """The faults that hold now."""
        if self._path is None:
            return NO_FAULTS
        try:
            mtime_ns = self._path.stat().st_mtime_ns
            if mtime_ns != self._mtime_ns:
                self._mtime_ns = mtime_ns
                self._faults = _parse(json.loads(self._path.read_bytes()))
        except FileNotFoundError:
            self._mtime_ns, self._faults = -1, NO_FAULTS
        except (OSError, ValueError, TypeError, AttributeError) as error:
            LOG.warning("%s: not read, no fault holds: %s", self._path, error)
            self._faults = NO_FAULTS
        return self._faults


def _parse(document: Mapping[str, Mapping[str, object]]) -> FeatureFaults:
    features = document.get("features", {})
    frozen, shifted = features.get("frozen_groups", ()), features.get("shifted_groups", {})
    if not isinstance(frozen, Sequence) or not isinstance(shifted, Mapping):
        raise ValueError("features.frozen_groups is a list, features.shifted_groups an object")
    return FeatureFaults(
        frozenset(str(group) for group in frozen),
        {str(group): float(factor) for group, factor in shifted.items()},
    )


def shifted_counts(
    counts: Mapping[str, float], known_items: Sequence[str], factor: float
) -> dict[str, float]:
    """The counters times the factor, on items they do not belong to (the same ones each time)."""
    by_name = sorted(known_items)
    scrambled = sorted(known_items, key=lambda item: (zlib.crc32(item.encode()), item))
    return {
        wrong: counts[right] * factor
        for right, wrong in zip(by_name, scrambled, strict=True)
        if right in counts
    }


def other_items(items: Sequence[str], known_items: Sequence[str]) -> list[str]:
    """Each item replaced by the one half the catalogue away, in the order of hashes."""
    scrambled = sorted(known_items, key=lambda item: (zlib.crc32(item.encode()), item))
    place = {item: index for index, item in enumerate(scrambled)}
    half = len(scrambled) // 2
    return [
        scrambled[(place[item] + half) % len(scrambled)] if item in place else item
        for item in items
    ]
