"""The version of a set of playbooks: one hash over the names and the hashes of their texts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from controller.core.playbook import Playbook
from controller.shell.canonical import canonical_bytes


def bundle_sha256(playbooks: Iterable[Playbook]) -> str:
    """SHA-256 (hex) of the canonical JSON of ``[[name, sha256], ...]``, sorted: in any order the
    same playbooks are the same bundle."""
    return hashlib.sha256(
        canonical_bytes(sorted([each.name, each.sha256] for each in playbooks))
    ).hexdigest()
