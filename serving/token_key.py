"""The key of tokens and hashes, from the environment of whoever serves."""

from __future__ import annotations

import os

from controller.errors import BadInput
from controller.settings import TOKEN_KEY_ENV

LEAST_CHARACTERS = 16


def token_key() -> bytes:
    """Raise BadInput when the environment has none, or one that is too short."""
    key = os.environ.get(TOKEN_KEY_ENV, "")
    if len(key) < LEAST_CHARACTERS:
        raise BadInput(f"set {TOKEN_KEY_ENV} to a secret of at least {LEAST_CHARACTERS} characters")
    return key.encode()
