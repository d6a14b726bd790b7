"""The signed token between a slate and its feedback.

It carries the labels an outcome is counted under, so that nobody can vote a model in and no tally
needs a long join. Knows no HTTP; the time and the key are arguments.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from controller.errors import Rejected

TOKEN_FORMAT = 2
_FIRST_FORMAT = 1
"""Knew neither score nor segments. Accepted, so that an upgrade loses no click under way."""
_MAC_BYTES = 32


class BadToken(Rejected):
    """Forged, broken or expired; ``str()`` says which in one line."""


@dataclass(frozen=True, slots=True)
class TokenLabels:
    """What the token vouches for. Times are seconds since 1970."""

    request_id: bytes
    arm: str
    evaluation_id: str
    propensities: Mapping[str, float]
    at_s: float
    expires_at_s: float
    slate_length: int
    top_score: float | None = None
    """Of the arm drawn; None where another one answered or a bot asked, whose clicks say nothing
    of its scores."""
    segments: Mapping[str, str] = field(default_factory=dict)


def sign(key: bytes, labels: TokenLabels) -> str:
    """A URL-safe text: HMAC-SHA256 and content."""
    content = json.dumps(
        [
            TOKEN_FORMAT,
            labels.request_id.hex(),
            labels.arm,
            labels.evaluation_id,
            dict(labels.propensities),
            labels.at_s,
            labels.expires_at_s,
            labels.slate_length,
            labels.top_score,
            dict(labels.segments),
        ],
        separators=(",", ":"),
    ).encode()
    mac = hmac.digest(key, content, "sha256")
    return base64.urlsafe_b64encode(mac + content).decode().rstrip("=")


def verify(key: bytes, token: str, now_s: float) -> TokenLabels:
    """Raise BadToken for a token this service did not sign, or whose time is over."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise BadToken("token: not one of this service") from None
    mac, content = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
    if not hmac.compare_digest(mac, hmac.digest(key, content, "sha256")):
        raise BadToken("token: not signed by this service")
    version, *fields = json.loads(content)
    if version == _FIRST_FORMAT:
        fields = [*fields, None, {}]
    elif version != TOKEN_FORMAT:
        raise BadToken(f"token: format {version} is not {TOKEN_FORMAT}")
    request_id, arm, evaluation_id, chances, at_s, expires_at_s, length, score, segments = fields
    if now_s >= expires_at_s:
        raise BadToken(f"token: expired {now_s - expires_at_s:.0f} s ago")
    return TokenLabels(
        request_id=bytes.fromhex(request_id),
        arm=arm,
        evaluation_id=evaluation_id,
        propensities=chances,
        at_s=at_s,
        expires_at_s=expires_at_s,
        slate_length=length,
        top_score=score,
        segments=segments,
    )


def derived_event_id(
    request_id: bytes, kind: str, clicked: list[int], viewed: list[int] | None, value: float | None
) -> bytes:
    """16 bytes that are the same for the same feedback, so that sending it twice counts once."""
    content = json.dumps([kind, clicked, viewed, value]).encode()
    return hashlib.blake2b(request_id + content, digest_size=16).digest()
