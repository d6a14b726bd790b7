"""What a test runs against."""

from __future__ import annotations

from dataclasses import dataclass

from controller.core.playbook import Playbook
from controller.core.readings import Catalogue
from controller.core.settings import JudgeSettings


@dataclass(frozen=True, slots=True)
class Service:
    """The playbooks that are loaded, the service's settings, and the signals it has."""

    playbooks: tuple[Playbook, ...]
    settings: JudgeSettings
    catalogue: Catalogue
