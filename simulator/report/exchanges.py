"""What became of each request, as the user met it: one by one, and as columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.report.requests import QUIET_S, Totals


@dataclass(frozen=True, slots=True)
class Exchange:
    """One intended request. ``latency_ms`` counts from the intended start, ``service_ms`` from the
    sending; both are None when it could not be sent. ``problem`` is empty for a valid slate."""

    number: int
    intended_at_s: float
    sent: bool
    latency_ms: float | None = None
    service_ms: float | None = None
    problem: str = ""
    served_by: str = ""
    arm: str = ""
    degraded: bool = False
    clicks: int = 0

    @property
    def valid(self) -> bool:
        """Answered with k distinct known items and a token."""
        return self.sent and not self.problem


@dataclass(frozen=True, slots=True)
class Coded:
    """A column of few distinct texts: row ``i`` reads ``names[codes[i]]``."""

    codes: NDArray[np.int16]
    names: tuple[str, ...]

    @classmethod
    def of(cls, texts: Sequence[str]) -> Coded:
        names = tuple(dict.fromkeys(texts))
        place = {name: code for code, name in enumerate(names)}
        return cls(np.array([place[text] for text in texts], dtype=np.int16), names)

    @classmethod
    def joined(cls, parts: Sequence[Coded]) -> Coded:
        """One after another, with the union of their names."""
        names = tuple(dict.fromkeys(name for part in parts for name in part.names))
        return cls(np.concatenate([part.among(names) for part in parts]), names)

    def among(self, names: Sequence[str]) -> NDArray[np.int16]:
        """The codes under other names, which must hold all of ours."""
        place = np.array([names.index(name) for name in self.names] or [0], dtype=np.int16)
        return place[self.codes]

    def equals(self, text: str) -> NDArray[np.bool_]:
        if text not in self.names:
            return np.zeros(len(self.codes), dtype=np.bool_)
        return np.equal(self.codes, self.names.index(text))

    def __getitem__(self, rows: slice | NDArray[np.generic]) -> Coded:
        return Coded(self.codes[rows], self.names)


@dataclass(frozen=True, slots=True)
class Exchanges:
    """``n`` exchanges as columns, ascending in ``intended_at_s``; the words of `Exchange`.

    ``latency_ms`` and ``service_ms`` are NaN where there is none. ``true_chance``: that the slate
    as served gets a click, where the world knows it.
    """

    number: NDArray[np.uint64]
    intended_at_s: NDArray[np.float64]
    sent: NDArray[np.bool_]
    latency_ms: NDArray[np.float32]
    service_ms: NDArray[np.float32]
    problem: Coded
    served_by: Coded
    arm: Coded
    degraded: NDArray[np.bool_]
    clicks: NDArray[np.int16]
    true_chance: NDArray[np.float32] | None = None

    @classmethod
    def of(cls, exchanges: Sequence[Exchange]) -> Exchanges:
        """In any order."""
        rows = sorted(exchanges, key=lambda exchange: exchange.intended_at_s)
        return cls(
            number=np.array([e.number for e in rows], dtype=np.uint64),
            intended_at_s=np.array([e.intended_at_s for e in rows], dtype=np.float64),
            sent=np.array([e.sent for e in rows], dtype=np.bool_),
            latency_ms=np.array([_number(e.latency_ms) for e in rows], dtype=np.float32),
            service_ms=np.array([_number(e.service_ms) for e in rows], dtype=np.float32),
            problem=Coded.of([e.problem for e in rows]),
            served_by=Coded.of([e.served_by for e in rows]),
            arm=Coded.of([e.arm for e in rows]),
            degraded=np.array([e.degraded for e in rows], dtype=np.bool_),
            clicks=np.array([e.clicks for e in rows], dtype=np.int16),
        )

    @classmethod
    def joined(cls, parts: Sequence[Exchanges]) -> Exchanges:
        """One after another in time. True chances are kept where every part knows them."""
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return cls.of([])
        chances = [part.true_chance for part in parts if part.true_chance is not None]
        return cls(
            number=np.concatenate([part.number for part in parts]),
            intended_at_s=np.concatenate([part.intended_at_s for part in parts]),
            sent=np.concatenate([part.sent for part in parts]),
            latency_ms=np.concatenate([part.latency_ms for part in parts]),
            service_ms=np.concatenate([part.service_ms for part in parts]),
            problem=Coded.joined([part.problem for part in parts]),
            served_by=Coded.joined([part.served_by for part in parts]),
            arm=Coded.joined([part.arm for part in parts]),
            degraded=np.concatenate([part.degraded for part in parts]),
            clicks=np.concatenate([part.clicks for part in parts]),
            true_chance=np.concatenate(chances) if len(chances) == len(parts) else None,
        )

    def __len__(self) -> int:
        return len(self.intended_at_s)

    @property
    def valid(self) -> NDArray[np.bool_]:
        return self.sent & self.problem.equals("")

    def rows(self, start: int, end: int) -> Exchanges:
        """Rows ``start`` until before ``end``, without copying."""
        columns: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(self, **{n: c[start:end] for n, c in columns.items() if c is not None})

    def between(self, from_s: float, to_s: float) -> Exchanges:
        """Those intended from ``from_s`` until before ``to_s``, without copying."""
        start, end = np.searchsorted(self.intended_at_s, [from_s, to_s])
        return self.rows(int(start), int(end))

    def totals(self, from_s: float, to_s: float) -> Totals:
        part = self.between(from_s, to_s)
        valid = part.valid
        served = np.bincount(part.served_by.codes[valid], minlength=len(part.served_by.names))
        chance = part.true_chance
        return Totals(
            requests=len(part),
            not_sent=len(part) - int(np.count_nonzero(part.sent)),
            valid=int(np.count_nonzero(valid)),
            clicked=int(np.count_nonzero(part.clicks[valid])),
            served_by={
                name: int(count)
                for name, count in zip(part.served_by.names, served, strict=True)
                if count
            },
            p95_ms=percentile(part.latency_ms, 0.95),
            expected_clicked=None if chance is None else float(chance[valid].sum(dtype=float)),
        )

    def problems(self) -> dict[str, int]:
        counts = np.bincount(self.problem.codes, minlength=len(self.problem.names))
        found = {
            name: int(count)
            for name, count in zip(self.problem.names, counts, strict=True)
            if name and count
        }
        return dict(sorted(found.items(), key=lambda item: -item[1]))

    def bad_ends_s(self) -> NDArray[np.float64]:
        """When each bad one was answered (or intended, where it never was), in order of rows."""
        bad = self.degraded | ~self.valid
        took_s = np.nan_to_num(self.latency_ms[bad].astype(np.float64)) / 1000.0
        return np.asarray(self.intended_at_s[bad] + took_s, dtype=np.float64)

    def bad_gone_at_s(self, from_s: float) -> float | None:
        ends_s = np.sort(self.between(from_s, np.inf).bad_ends_s())
        if not len(ends_s):
            return None
        gaps = np.flatnonzero(np.diff(ends_s) > QUIET_S)
        return float(ends_s[gaps[0] if len(gaps) else -1])


def percentile(values: NDArray[np.floating], share: float) -> float | None:
    """Nearest rank, without interpolation, of what is not NaN; None of nothing."""
    known = values[~np.isnan(values)]
    if not len(known):
        return None
    rank = max(0, int(np.ceil(share * len(known))) - 1)
    return float(np.partition(known, rank)[rank])


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
