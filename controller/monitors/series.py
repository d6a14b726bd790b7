"""Which series there are: those known, at their default windows, and what playbooks ask for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache

from controller.core.readings import Labels, SignalKey, SignalSpec
from controller.monitors.monitor import Family, label

Wanted = Mapping[str, Mapping[Labels, frozenset[float]]]
"""Windows beside the default one, by signal and labels."""


def keys_of(families: tuple[Family, ...], wanted: Wanted) -> frozenset[SignalKey]:
    """Every series of these families at every window."""
    return frozenset(_keys(families, wanted))


def _keys(families: tuple[Family, ...], wanted: Wanted) -> Iterator[SignalKey]:
    for family in families:
        for labels in _labels(family, wanted):
            for spec in family.specs:
                for window_s in _windows(spec, labels, wanted):
                    yield _key(spec.name, labels, window_s)


@lru_cache(maxsize=20_000)
def _key(name: str, labels: Labels, window_s: float) -> SignalKey:
    """The same object whenever series are listed anew: who kept it finds it without comparing."""
    return SignalKey(name, labels, window_s)


def _labels(family: Family, wanted: Wanted) -> list[Labels]:
    """Values of the family's label: the known ones, and those that playbooks ask for."""
    if not family.label:
        return [()]
    values = dict.fromkeys(family.values)
    for spec in family.specs if family.is_open else ():
        for labels in wanted.get(spec.name, {}):
            asked = (value for name, value in labels if name == family.label)
            values.update((value, None) for value in asked if not value.startswith("$"))
    return [label(family.label, value) for value in values]


def _windows(spec: SignalSpec, labels: Labels, wanted: Wanted) -> set[float]:
    """The default window and every other one that is wanted of this series."""
    series = wanted.get(spec.name, {})
    windows = {spec.default_window_s, *series.get(labels, ())}
    for other, more in series.items():
        if any(value.startswith("$") for _, value in other):
            windows |= more
    return windows
