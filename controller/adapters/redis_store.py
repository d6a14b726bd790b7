"""The plan store in Redis. Each change is one Lua script, so it happens whole or not at all."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import cast

from controller.adapters.record_hash import hash_of, hashes_of, missing_after
from controller.adapters.redis_connection import (
    REDIS_ERRORS,
    StoreKeys,
    cap_keys,
    connect,
    redis_address,
    world_error,
)
from controller.adapters.redis_scripts import COMMIT, LEASE, REFILL, RELEASE, RESERVE
from controller.errors import BadInput, Unavailable
from controller.ports import GENESIS, Commit, CommitFate, PlanStore, Reserved, Stored

REFILL_CHUNK = 500
"""Records sent to the staging stream at a time."""
STAGING_EXPIRES_S = 600


class RedisPlanStore(PlanStore):
    """Log, plan, state, head and lease of one service; keys as in `StoreKeys`.

    Raise Rejected when the password is wrong and Unavailable for everything else the world does.
    """

    def __init__(
        self, url: str, password: str | None, service: str, timeout_s: float = 1.0
    ) -> None:
        self._url = url
        self._keys = StoreKeys.of(service)
        self._redis = connect(url, password, timeout_s)
        self._lease_script = self._redis.register_script(LEASE)
        self._release_script = self._redis.register_script(RELEASE)
        self._commit_script = self._redis.register_script(COMMIT)
        self._reserve_script = self._redis.register_script(RESERVE)
        self._refill_script = self._redis.register_script(REFILL)

    def lease(self, holder: str, epoch: int, ttl_s: float) -> bool:
        keys = [self._keys.lease, self._keys.head]
        with self._world():
            taken = self._lease_script(keys=keys, args=[holder, epoch, int(ttl_s * 1000)])
        return bool(taken == 1)

    def release(self, holder: str, epoch: int) -> None:
        with self._world():
            self._release_script(keys=[self._keys.lease], args=[holder, epoch])

    def load(self) -> Stored | None:
        with self._world(), self._redis.pipeline(transaction=True) as pipeline:
            pipeline.hmget(self._keys.head, ["hash", "epoch", "revision"])
            pipeline.get(self._keys.plan)
            pipeline.get(self._keys.state)
            (head, epoch, revision), plan, state = pipeline.execute()
        if head is None:
            return None
        return Stored(head.decode(), plan, state, int(epoch), int(revision))

    def commit(self, commit: Commit) -> CommitFate:
        keys = [
            self._keys.head,
            self._keys.lease,
            self._keys.log,
            self._keys.plan,
            self._keys.state,
        ]
        fixed: list[str | int | bytes] = [
            commit.holder,
            commit.epoch,
            commit.revision,
            commit.prev_head,
            commit.head,
            commit.plan,
            commit.state,
        ]
        try:
            with self._world():
                fate = self._commit_script(keys=keys, args=[*fixed, *commit.records])
        except Unavailable:
            return "unreachable"
        return cast(CommitFate, fate.decode())

    def refill(self, records: Sequence[bytes], stored: Stored) -> bool:
        """Stage what is missing in a stream of its own, then join it on in one script."""
        hashes = hashes_of(records, stored.head)
        staging = f"{self._keys.log}:staging:{uuid.uuid4().hex}"
        with self._world():
            head = self._redis.hget(self._keys.head, "hash")
            found = GENESIS if head is None else cast(bytes, head).decode()
            missing = missing_after(found, records, hashes)
            if missing is None:
                return False
            self._stage(staging, missing)
            keys = [
                self._keys.head,
                self._keys.log,
                self._keys.plan,
                self._keys.state,
                staging,
            ]
            args: list[str | int | bytes] = [
                found,
                stored.head,
                stored.epoch,
                stored.revision,
                stored.plan or b"",
                stored.state or b"",
            ]
            return bool(self._refill_script(keys=keys, args=args) == 1)

    def _stage(self, staging: str, records: Sequence[bytes]) -> None:
        for start in range(0, len(records), REFILL_CHUNK):
            with self._redis.pipeline(transaction=False) as pipeline:
                for record in records[start : start + REFILL_CHUNK]:
                    pipeline.xadd(staging, {"record": record})
                pipeline.expire(staging, STAGING_EXPIRES_S)
                pipeline.execute()

    def records(self, after: str = "-", limit: int = 1000) -> Sequence[tuple[str, bytes]]:
        start = "-" if after == "-" else f"({after}"
        with self._world():
            entries = self._redis.xrange(self._keys.log, min=start, max="+", count=limit)
        pairs = cast("list[tuple[bytes, dict[bytes, bytes]]]", entries)
        return [(entry_id.decode(), fields[b"record"]) for entry_id, fields in pairs]

    def trim(self, archived: str) -> int:
        """By entry id: a log that another refilled meanwhile has younger ids and keeps all."""
        is_found, after = False, "-"
        while page := self.records(after, REFILL_CHUNK):
            for entry_id, record in page:
                if is_found:
                    with self._world():
                        return int(
                            self._redis.xtrim(self._keys.log, minid=entry_id, approximate=False)
                        )
                is_found = hash_of(record) == archived
            after = page[-1][0]
        return 0

    def reserve(
        self, cap: str, service: str, key: str, cost: int, count: int, per_s: float
    ) -> Reserved:
        if not 1 <= cost <= count:
            raise ValueError(f"a cost of {cost} can never be granted; accepted: 1 to {count}")
        args: list[str | int] = [f"{service}/{key}", cost, count, int(per_s * 1000)]
        with self._world():
            granted, used, free_in_ms = self._reserve_script(keys=cap_keys(cap), args=args)
        return Reserved(granted == 1, int(used), int(free_in_ms) / 1000.0)

    def close(self) -> None:
        self._redis.close()

    @contextmanager
    def _world(self) -> Iterator[None]:
        try:
            yield
        except REDIS_ERRORS as error:
            raise world_error(error, self._url) from error


def check_store(url: str, password: str | None, timeout_s: float = 1.0) -> Sequence[str]:
    """Look at a Redis before trusting it with the plan; return warnings, one line each.

    Raise BadInput when it may evict the plan, Rejected on a wrong password, else Unavailable.
    """
    client = connect(url, password, timeout_s)
    try:
        memory = client.info("memory")
        disk = client.info("persistence")
    except REDIS_ERRORS as error:
        raise world_error(error, url) from error
    finally:
        client.close()
    policy = memory.get("maxmemory_policy", "noeviction")
    if memory.get("maxmemory", 0) > 0 and policy != "noeviction":
        raise BadInput(
            f"Redis at {redis_address(url)} may evict the plan (maxmemory-policy {policy}); "
            "accepted: maxmemory-policy noeviction, or no maxmemory",
            field="endpoints.redis",
        )
    if not disk.get("aof_enabled"):
        return (
            f"Redis at {redis_address(url)} keeps no append-only file: after a crash it is "
            "refilled from this controller's own copy (accepted: appendonly yes)",
        )
    return ()
