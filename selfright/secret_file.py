"""Secrets come from the environment; a local stack without any makes its own once.

They lie in ``DATA_DIR/run/secrets.json`` with mode 0600, are never logged, and reach the
children through their environment only.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from controller.errors import BadInput
from controller.settings import REDIS_PASSWORD_ENV, TOKEN_KEY_ENV

RAY_TOKEN_ENV = "RAY_AUTH_TOKEN"  # noqa: S105  (a name, not a secret)
SECRET_ENVS = (REDIS_PASSWORD_ENV, TOKEN_KEY_ENV, RAY_TOKEN_ENV)
_FILE = Path("run") / "secrets.json"


def load_or_make_secrets(data_dir: Path, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment's secrets, else the data folder's, else new ones, kept for next time.

    Raises BadInput when the file is there but is not ours to read.
    """
    kept = load_secrets(data_dir)
    found = {
        name: environ.get(name) or kept.get(name) or secrets.token_urlsafe(32)
        for name in SECRET_ENVS
    }
    if found != kept:
        _write(data_dir / _FILE, found)
    return found


def load_secrets(data_dir: Path) -> dict[str, str]:
    """What the data folder keeps; empty when it keeps none."""
    path = data_dir / _FILE
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise BadInput(f"cannot be read as JSON: {error}", file=str(path)) from None
    if not isinstance(document, dict):
        what = "is damaged; accepted: a mapping of names to secrets, as `selfright up` writes"
        raise BadInput(what, file=str(path))
    return {name: str(document[name]) for name in SECRET_ENVS if name in document}


def export_secrets(data_dir: Path) -> None:
    """Let commands beside a local stack find its secrets; the environment wins."""
    for name, value in load_secrets(data_dir).items():
        os.environ.setdefault(name, value)


def _write(path: Path, found: Mapping[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        json.dump(dict(found), stream)
    fresh.replace(path)
