"""Which arms there are, for commands that may find nothing running."""

from __future__ import annotations

import json
from pathlib import Path

from controller.errors import BadInput
from controller.settings_file import read_settings
from controller.shell.log_sources import STORED_FILE
from selfright.running_stack import SETTINGS_FILE
from selfright.settings_at_hand import DEFAULT_SETTINGS


def arms_at_hand(settings: Path | None, data_dir: Path) -> tuple[str, ...] | None:
    """Those of the plan a controller stored last, which routers obey; else those of the settings
    that are named, of the stack, or of this folder. None where there is neither. Raise BadInput."""
    stored = data_dir / STORED_FILE
    if stored.exists():
        found = _of_stored_plan(stored)
        if found:
            return found
    for path in (settings, data_dir / SETTINGS_FILE, DEFAULT_SETTINGS):
        if path is not None and (path is settings or path.exists()):
            return tuple(read_settings(path).arms)
    return None


def _of_stored_plan(path: Path) -> tuple[str, ...]:
    """Empty where no plan was published yet."""
    try:
        plan = json.loads(path.read_bytes())["plan"]
        return tuple(dict(json.loads(plan)["arms"])) if plan else ()
    except (OSError, ValueError, RecursionError, KeyError, TypeError) as error:
        raise BadInput(f"holds no plan with arms: {error}", file=str(path)) from None
