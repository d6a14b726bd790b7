"""Columns of served rows that several tallies look at, each made once for a whole slab."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from controller.monitors.counting.batch_view import BatchView, Labelled, Mask, Nested
from controller.monitors.system.latency import LATENCY_MS
from controller.telemetry.schema import SKIPPED_BY_BREAKER

Numbers = NDArray[np.int64]
USER, PROBE, SHADOW = 1, 2, 4
"""Roles as bits; 0 is a row of no known role."""
_ROLES = {"user": USER, "probe": PROBE, "shadow": SHADOW}
GOOD, BAD, SPARED, UNCOUNTED = 0, 1, 2, 3
"""What came of an attempt: see `arms`."""
_RESULTS = {"ok": GOOD, "late": BAD, "error": BAD}

DEFAULT_ROUTE = "default"
"""The route of a request that names no product feature."""


class Attempts(NamedTuple):
    """Every attempt of a slab: whose row, of which arm, in which role, what came of it, when."""

    nested: Nested
    rows: Numbers
    arm: Labelled
    result: Labelled
    roles: Numbers
    kinds: Numbers
    seconds: Numbers
    buckets: Numbers
    """Where each lies among `LATENCY_MS`: what was cut or spared is slower than every limit."""

    @property
    def version(self) -> Labelled:
        """Which version of the arm's model was asked."""
        return self.nested.labels("model_version")


def translated(column: Labelled, to: Mapping[str, int], otherwise: int, null: int) -> Numbers:
    """A number for each row of a text column."""
    table = np.array([*[to.get(name, otherwise) for name in column.names], null], np.int64)
    return table.take(column.codes, mode="wrap")  # code -1 picks the last place


def done_s(rows: BatchView) -> Numbers:
    """The second each row was done in."""
    found: Numbers = rows.made("columns.done_s", lambda whole: whole.seconds("done_at_s"))
    return found


def roles(rows: BatchView) -> Numbers:
    """`USER`, `PROBE`, `SHADOW` or 0 of each row."""
    found: Numbers = rows.made(
        "columns.roles", lambda whole: translated(whole.labels("role"), _ROLES, 0, 0)
    )
    return found


def of_users(rows: BatchView) -> Mask:
    """Valid requests that a user waited for."""
    found: Mask = rows.made(
        "columns.of_users",
        lambda whole: (roles(whole) == USER) & ~whole.labels("outcome").equal("invalid"),
    )
    return found


def has_slate(rows: BatchView) -> Mask:
    """Rows whose request got a slate, late ones and those of the last resort included."""
    found: Mask = rows.made("columns.has_slate", _has_slate)
    return found


def _has_slate(rows: BatchView) -> Mask:
    outcome = rows.labels("outcome")
    return outcome.equal("ok", "late") | (
        outcome.equal("shed") & (rows.labels("served_by").codes >= 0)
    )


def wait_buckets(rows: BatchView) -> Numbers:
    """Where each row's latency lies among `LATENCY_MS`."""
    found: Numbers = rows.made(
        "columns.waits", lambda whole: LATENCY_MS.index(whole.numbers("latency_ms"))
    )
    return found


def attempts(rows: BatchView) -> Attempts:
    """All attempts of the slab."""
    found: Attempts = rows.made("columns.attempts", _attempts)
    return found


def _attempts(rows: BatchView) -> Attempts:
    nested = rows.nested("attempts")
    result, elapsed_ms = nested.labels("result"), nested.numbers("elapsed_ms")
    kinds = translated(result, _RESULTS, UNCOUNTED, UNCOUNTED)
    slowest = result.equal("late")
    if "skipped" in result.names:
        spared = result.equal("skipped") & nested.labels("reason").equal(SKIPPED_BY_BREAKER)
        kinds[spared] = SPARED
        slowest |= spared
    buckets = LATENCY_MS.index(elapsed_ms)
    buckets[slowest] = LATENCY_MS.size - 1
    return Attempts(
        nested,
        nested.rows,
        nested.labels("arm"),
        result,
        roles(rows).take(nested.rows),
        kinds,
        done_s(rows).take(nested.rows),
        buckets,
    )


def routes(rows: BatchView) -> tuple[tuple[str, ...], Numbers]:
    """Names of routes, and the code of each row's."""
    found: tuple[tuple[str, ...], Numbers] = rows.made("columns.routes", _routes)
    return found


def _routes(rows: BatchView) -> tuple[tuple[str, ...], Numbers]:
    column = rows.labels("product_feature_id")
    names = (*(name or DEFAULT_ROUTE for name in column.names), DEFAULT_ROUTE)
    # Code -1 picks the last place.
    return names, np.arange(len(names))[column.codes]


def versions(rows: BatchView) -> tuple[tuple[str, ...], Numbers]:
    """Names of model versions, and the code of the one that answered each row; -1: none did."""
    found: tuple[tuple[str, ...], Numbers] = rows.made("columns.versions", _versions)
    return found


def _versions(rows: BatchView) -> tuple[tuple[str, ...], Numbers]:
    tries, by = attempts(rows), rows.labels("served_by")
    version = tries.version
    places = {name: place for place, name in enumerate(tries.arm.names)}
    answering = translated(by, places, -1, -1).take(tries.rows)
    # A late one may still be what was served, a cancelled or skipped one never.
    answered = (tries.arm.codes == answering) & (answering >= 0) & (tries.kinds <= BAD)
    found = np.full(rows.row_count, -1, dtype=np.int64)
    found[tries.rows[answered]] = version.codes[answered]
    return version.names, found
