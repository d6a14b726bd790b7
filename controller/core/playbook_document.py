"""Playbook <-> plain document, for facts, state and journal. The round trip is exact."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controller.core.documents import decode, encode
from controller.core.playbook import Playbook


def playbook_to_document(playbook: Playbook) -> dict[str, Any]:
    """Plain JSON types; conditions and actions carry their kind in ``type``."""
    document: dict[str, Any] = encode(Playbook, playbook)
    return document


def playbook_from_document(document: Mapping[str, Any]) -> Playbook:
    """The inverse. Raise KeyError, TypeError or ValueError on a document of another shape."""
    playbook: Playbook = decode(Playbook, document)
    return playbook
