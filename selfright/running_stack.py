"""Finds the stack a command talks to: a settings file, or what `selfright up` left behind."""

from __future__ import annotations

import json
import os
from pathlib import Path

from controller.atomic_file import write_atomically
from controller.errors import BadInput
from controller.settings import Settings
from controller.settings_file import read_settings
from selfright.secret_file import export_secrets

DEFAULT_DATA_DIR = Path(".selfright")
SETTINGS_FILE = Path("run") / "settings.json"


def find_settings(settings: Path | None, data_dir: Path | None) -> Settings:
    """The settings of the running (or last run) stack; its secrets go into the environment.

    Raises BadInput when there is neither a file nor a stack.
    """
    if settings is not None:
        found = read_settings(settings)
    else:
        path = (data_dir or DEFAULT_DATA_DIR) / SETTINGS_FILE
        if not path.exists():
            raise BadInput(
                "no stack was started here; start one with `selfright up`, or name one with "
                "--data-dir or --settings",
                file=str(path),
            )
        # A copied folder is looked at itself, not the one it was copied from.
        here = path.parent.parent.resolve()
        found = read_settings(path, environ={}).model_copy(update={"data_dir": here})
    export_secrets(found.data_dir)
    return found


def write_run_settings(settings: Settings) -> Path:
    """Write the resolved settings (no secrets in them) for the children and for commands."""
    path = settings.data_dir / SETTINGS_FILE
    write_atomically(path, settings.model_dump_json(indent=2).encode())
    return path


def processes(data_dir: Path) -> dict[str, int]:
    """Name to pid of the stack's live children, as the supervisor last wrote them.

    Raise BadInput for a file that no supervisor writes so: who runs is then not known.
    """
    path = data_dir / "run" / "processes.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}", file=str(path)) from None
    except (ValueError, RecursionError) as error:
        raise BadInput(f"is damaged: it is no JSON text ({error})", file=str(path)) from None
    if not isinstance(found, dict) or not all(map(_is_pid, found.values())):
        what = "is damaged; accepted: a mapping of names to process ids, as `selfright up` writes"
        raise BadInput(what, file=str(path))
    return {name: pid for name, pid in found.items() if _is_alive(pid)}


def _is_pid(found: object) -> bool:
    return isinstance(found, int) and not isinstance(found, bool) and 0 < found < 1 << 31


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
