"""`python -m selfright.stack.ready NAME`: exit code 0 while a child says it is ready and lives.

The health check of containers; needs nothing but the standard library, so it is quick.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path


def why_not_ready(data_dir: Path, name: str) -> str:
    """One line, empty when it is ready: its ready file is there, and the process it names."""
    ready = data_dir / "run" / f"{name}.ready"
    try:
        pid = int(json.loads(ready.read_bytes())["pid"])
        os.kill(pid, 0)
    except FileNotFoundError:
        return f"{name} is not ready: no {ready}"
    except (ValueError, KeyError, TypeError) as error:
        return f"{name} is not ready: {ready}: {error}"
    except ProcessLookupError:
        return f"{name} is not ready: its process {pid} is gone"
    return ""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m selfright.stack.ready", description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--data-dir", type=Path, required=True)
    chosen = parser.parse_args(arguments)
    why = why_not_ready(chosen.data_dir, chosen.name)
    if why:
        print(why, file=sys.stderr)
    return 1 if why else 0


if __name__ == "__main__":
    sys.exit(main())
