"""Running a peer in an environment of its own, so that none of them is ever a dependency."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from pathlib import Path

LIMIT_S = 900.0


def run_apart(requirements: Sequence[str], script: str, *arguments: str) -> str | None:
    """What ``script`` printed there; None, and why on standard error, where that fails."""
    with tempfile.TemporaryDirectory() as folder:
        python = str(Path(folder) / "bin" / "python")
        try:
            venv.create(folder, with_pip=True)
            for command in (
                [python, "-m", "pip", "install", "--quiet", *requirements],
                [python, "-c", script, *arguments],
            ):
                done = subprocess.run(
                    command, check=True, capture_output=True, text=True, timeout=LIMIT_S
                )
            return done.stdout
        except (subprocess.SubprocessError, OSError) as error:
            said = getattr(error, "stderr", None) or str(error)
            print(f"{requirements[0]} skipped: {str(said)[-500:]}", file=sys.stderr)
            return None
