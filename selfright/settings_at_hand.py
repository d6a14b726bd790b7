"""The settings of a command that needs no running system."""

from __future__ import annotations

from pathlib import Path

from controller.settings import Settings
from controller.settings_file import read_settings

DEFAULT_SETTINGS = Path("selfright.yaml")


def settings_at_hand(path: Path | None) -> Settings:
    """Those of a file, of ./selfright.yaml if there is one, or the defaults. Raise BadInput."""
    if path is None and not DEFAULT_SETTINGS.exists():
        return Settings()
    return read_settings(path or DEFAULT_SETTINGS)
