"""`python -m selfright.stack.prepare`: what must be there before a deployment's services start.

Checks the store, creates the topics, and trains first models where none are registered. Does
nothing that is done already, so it may run at every start.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from controller.adapters.kafka_topics import ensure_topics
from controller.adapters.redis_store import check_store
from controller.errors import BadInput, SelfrightError
from controller.settings import REDIS_PASSWORD_ENV, TOKEN_KEY_ENV, Settings
from controller.settings_file import read_settings
from selfright.first_models import ensure_models

TOPICS_CAP_S = 60.0


def prepare(settings: Settings, *, ratings: Path | None, seed: int) -> None:
    """Raise BadInput for what a person must mend, Unavailable when a server is not there."""
    token_key = os.environ.get(TOKEN_KEY_ENV, "")
    if not token_key:
        raise BadInput(f"not set; accepted: a long random text in {TOKEN_KEY_ENV}", field="token")
    for warning in check_store(settings.endpoints.redis, os.environ.get(REDIS_PASSWORD_ENV)):
        print(warning, file=sys.stderr)
    ensure_topics(settings.endpoints.kafka, settings.partitions, TOPICS_CAP_S)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    ensure_models(
        settings,
        ratings=ratings,
        token_key=token_key.encode(),
        now_s=time.time(),
        seed=seed,
        say=print,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 2: bad input, said in one line; 1: the world was not there."""
    parser = argparse.ArgumentParser(prog="python -m selfright.stack.prepare", description=__doc__)
    parser.add_argument("--settings", type=Path, required=True, metavar="FILE")
    parser.add_argument("--ratings", type=Path, metavar="FILE")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args(arguments)
    try:
        prepare(read_settings(chosen.settings), ratings=chosen.ratings, seed=chosen.seed)
    except BadInput as error:
        print(error, file=sys.stderr)
        return 2
    except SelfrightError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
