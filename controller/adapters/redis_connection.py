"""How everyone here reaches Redis: address, password, key names, and what its errors mean."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

import redis
import redis.asyncio
import redis.exceptions
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from controller.errors import BadInput, Rejected, SelfrightError, Unavailable

RedisError = redis.exceptions.RedisError | OSError
REDIS_ERRORS: tuple[type[Exception], ...] = (redis.exceptions.RedisError, OSError)
"""What a call to Redis may raise; hand it to ``world_error``."""

_PASSWORD_REPLIES = ("NOAUTH", "WRONGPASS", "NOPERM", "INVALID USERNAME-PASSWORD", "AUTH ")


@dataclass(frozen=True, slots=True)
class StoreKeys:
    """Key names of one service. ``plan`` is also the name of the PUBLISH channel."""

    plan: str
    log: str
    state: str
    head: str
    lease: str

    @classmethod
    def of(cls, service: str) -> StoreKeys:
        prefix = f"selfright:{service}:"
        return cls(*(prefix + name for name in ("plan", "log", "state", "head", "lease")))


def cap_keys(cap: str) -> list[str]:
    """Keys of a cap that several services share; no service's own, whose names hold no slash."""
    return [f"selfright:all/{cap}:grants", f"selfright:all/{cap}:longest_ms"]


def redis_address(url: str) -> str:
    """``host:port`` of a Redis address. Raise BadInput when it is none, or holds a password."""
    parts = urlsplit(url)
    accepted = "accepted: redis://HOST:PORT/0, without a password"
    if parts.scheme not in ("redis", "rediss") or not parts.hostname:
        raise BadInput(f"not a Redis address; {accepted}", field="endpoints.redis")
    if parts.password:
        raise BadInput(
            "a password does not belong into the address; set SELFRIGHT_REDIS_PASSWORD instead",
            field="endpoints.redis",
        )
    try:
        port = parts.port or 6379
    except ValueError as error:
        raise BadInput(f"{error}; {accepted}", field="endpoints.redis") from error
    return f"{parts.hostname}:{port}"


def connect(url: str, password: str | None, timeout_s: float) -> redis.Redis:
    """A client that never retries by itself: a commit's fate must be known, not guessed.

    Raise BadInput on a bad address; the connection is made by the first command.
    """
    redis_address(url)
    return redis.Redis.from_url(
        url,
        password=password or None,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=Retry(NoBackoff(), 0),
    )


def connect_async(url: str, password: str | None, timeout_s: float) -> redis.asyncio.Redis:
    """The same for asyncio."""
    redis_address(url)
    return redis.asyncio.Redis.from_url(
        url,
        password=password or None,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=AsyncRetry(NoBackoff(), 0),
    )


def world_error(error: Exception, url: str) -> SelfrightError:
    """The error as ours: Rejected when the password is the reason, else Unavailable."""
    address = redis_address(url)
    text = str(error) or type(error).__name__
    if isinstance(error, redis.exceptions.AuthenticationError) or text.upper().startswith(
        _PASSWORD_REPLIES
    ):
        return Rejected(f"Redis at {address} refuses the password: check SELFRIGHT_REDIS_PASSWORD")
    return Unavailable(f"Redis at {address}: {text}")
