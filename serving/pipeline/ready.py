"""The file by which a child tells the supervisor that it is up."""

from __future__ import annotations

import json
import os
from pathlib import Path


def say_ready(data_dir: Path, name: str, **more: object) -> Path:
    """Write ``DATA_DIR/run/NAME.ready`` atomically; the caller removes it when it stops."""
    path = data_dir / "run" / f"{name}.ready"
    path.parent.mkdir(parents=True, exist_ok=True)
    staging = path.with_suffix(".staging")
    staging.write_text(json.dumps({"pid": os.getpid(), **more}))
    staging.rename(path)
    return path
