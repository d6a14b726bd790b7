"""`python -m serving {host,pipeline,workers} --settings FILE`: one process of the service each."""

from __future__ import annotations

import argparse
import importlib
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from controller.errors import BadInput, SelfrightError
from controller.settings_file import read_settings

PROCESSES = {
    "host": "serving.host",
    "pipeline": "serving.pipeline.run",
    "workers": "serving.workers.run",
}
"""Imported by name when asked for: only the host may import Ray Serve, and only after its flags."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 2: bad input, said in one line; 1: the world was not there."""
    parser = argparse.ArgumentParser(prog="python -m serving", description=__doc__)
    parser.add_argument("process", choices=PROCESSES)
    parser.add_argument("--settings", type=Path, required=True, metavar="FILE")
    chosen = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        settings = read_settings(chosen.settings)
        code = importlib.import_module(PROCESSES[chosen.process]).main(settings)
    except BadInput as error:
        print(error, file=sys.stderr)
        return 2
    except SelfrightError as error:
        print(error, file=sys.stderr)
        return 1
    return int(code or 0)


if __name__ == "__main__":
    sys.exit(main())
