"""Identities: request ids that carry their partition, and keyed hashes of people and sessions."""

from __future__ import annotations

from hashlib import blake2b

REQUEST_ID_BYTES = 16
RANDOM_BYTES = REQUEST_ID_BYTES - 2


def hash_user(key: bytes, user_id: str) -> int:
    """64 bits that name a user without telling who it is. ``key``: at most 64 bytes are used."""
    return _keyed(key, b"user", user_id)


def hash_session(key: bytes, session_id: str) -> int:
    """64 bits that name a session; apart from users' hashes."""
    return _keyed(key, b"session", session_id)


def request_id(partition: int, random: bytes) -> bytes:
    """16 bytes: the partition, big-endian, then ``random`` (14 bytes, the caller's)."""
    if len(random) != RANDOM_BYTES:
        raise ValueError(f"a request id takes {RANDOM_BYTES} random bytes, not {len(random)}")
    return partition.to_bytes(2, "big") + random


def partition_of(request: bytes) -> int:
    return int.from_bytes(request[:2], "big")


def request_unit(request: bytes) -> int:
    """The low 64 bits, which the draw uses."""
    return int.from_bytes(request[-8:], "big")


def _keyed(key: bytes, person: bytes, text: str) -> int:
    digest = blake2b(text.encode(), digest_size=8, key=key[:64], person=person)
    return int.from_bytes(digest.digest(), "big")
