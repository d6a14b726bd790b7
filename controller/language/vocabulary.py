"""What a playbook may name: signals, labels and their values, arms, segments, topics.

Made of settings and catalogue only, so that checking needs no running system.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from controller.core.readings import Catalogue
from controller.settings import Settings
from controller.telemetry.schema import TOPICS

FOR_EACH = ("arm", "feature_group")
"""Labels whose values the judge knows from the settings, so that it can open one incident each."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Known words of one service. ``label_values`` lacks labels that take any value."""

    settings: Settings
    catalogue: Catalogue
    label_values: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, settings: Settings, catalogue: Catalogue) -> Vocabulary:
        values: dict[str, tuple[str, ...]] = {**settings.segments}
        values["arm"] = tuple(settings.arms)
        values["feature_group"] = tuple(settings.feature_groups)
        values["topic"] = tuple(topic.rpartition(".")[2] for topic in TOPICS)
        return cls(settings, catalogue, values)

    @property
    def arms(self) -> tuple[str, ...]:
        return tuple(self.settings.arms)
