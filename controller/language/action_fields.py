"""What each action takes, as data: its fields, which of them are needed, and of which kind.

The readers accept these fields and no other, and the JSON Schema is made of them; a test compares
what both refuse.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

MAX_STAGES = 10
MAX_REPLICAS = 64
MAX_SEGMENTS = 4
MAX_BODY = 20
MAX_CACHE_TTL_S = 86_400.0
MAX_DATA_S = 3_650 * 86_400.0
RETURN_EXAMPLE = "[10%, 50%, 100%]"
RETURN_FIELDS = ("stages", "every")
THEN = ("evaluate", "nothing")
VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,127}", re.ASCII)
URL = re.compile(r"https?://[^\s/@]+(/[^\s]*)?")

Kind = Literal[
    "arm",
    "arm or variable",
    "share",
    "part",
    "stages",
    "segments",
    "duration",
    "span of data",
    "then",
    "version",
    "replicas",
    "frozen",
    "channel",
    "text",
    "url",
    "body",
]
"""``part``: a share above 0% and below 100%."""


@dataclass(frozen=True, slots=True)
class Field:
    kind: Kind
    says: str
    required: bool = False


_ARM = Field("arm or variable", "An arm of selfright.yaml, or $arm.", required=True)

ACTION_FIELDS: Mapping[str, Mapping[str, Field]] = {
    "route": {
        "from": Field("arm", "The arm that loses traffic.", required=True),
        "to": Field("arm", "The arm that gets it.", required=True),
        "share": Field("share", "Of what the baseline gives `from`, like 100%.", required=True),
        "return": Field("stages", "How traffic comes back: rising shares that end with 100%."),
        "where": Field("segments", "Only requests of these segments."),
        "expires": Field("duration", "Ends it by the clock."),
    },
    "retrain": {
        "arm": _ARM,
        "data": Field("span of data", "Like `last 24h`.", required=True),
        "then": Field("then", "What is done with the candidate; nothing by default."),
    },
    "evaluate": {"arm": _ARM, "candidate": Field("version", "A registered version.")},
    "promote": {
        "version": Field("version", "A registered version; with `into`."),
        "into": Field("arm or variable", "The arm that will serve it; with `version`."),
        "arm": Field("arm or variable", "Swaps the baseline's shares to this arm; alone."),
    },
    "revert": {"arm": _ARM},
    "prewarm_cache": {"arm": _ARM},
    "cache_ttl": {"ttl": Field("duration", "How long a cached slate lives.", required=True)},
    "scale": {"arm": _ARM, "replicas": Field("replicas", "How many.", required=True)},
    "shed": {"share": Field("part", "Of requests, like 20%.", required=True)},
    "freeze": {
        "what": Field("frozen", "`all`, `promotions`, or the name of a playbook.", required=True),
        "for": Field("duration", "Until when; without it, until the incident ends."),
    },
    "notify": {
        "channel": Field("channel", "Who is told, like oncall.", required=True),
        "message": Field("text", "A sentence for them."),
    },
    "webhook": {
        "url": Field("url", "http or https, without user or password.", required=True),
        "body": Field("body", "Texts that are sent beside the incident."),
    },
}
"""Action to its fields in the order of the README."""

EITHER: Mapping[str, tuple[frozenset[str], ...]] = {
    "promote": (frozenset({"version", "into"}), frozenset({"arm"})),
}
"""Where one of several sets of fields is needed and no other beside it."""
