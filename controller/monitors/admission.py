"""Which rows may be counted at all: those with a time, and not from the future."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from controller.monitors.batch_view import LATEST_S, numbers

FUTURE_LIMIT_S = 5.0
"""Clocks of producers may be ahead by this much. A row beyond it would poison later windows."""


def admit_rows(
    batch: pa.RecordBatch, time_column: str, now_s: float | None
) -> tuple[pa.RecordBatch, int]:
    """The rows that may be counted, and how many may not."""
    at_s = numbers(batch.column(time_column))
    limit_s = LATEST_S if now_s is None else now_s + FUTURE_LIMIT_S
    fit = (at_s >= 0.0) & (at_s <= limit_s)
    refused = int(np.count_nonzero(~fit))
    return (batch.filter(pa.array(fit)) if refused else batch), refused
