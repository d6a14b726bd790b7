"""Which rows may be counted at all: those with a time, and not from the future."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from controller.monitors.counting.batch_view import LATEST_S, BatchView

FUTURE_LIMIT_S = 5.0
"""Clocks of producers may be ahead by this much. A row beyond it would poison later windows."""


def admit_rows(view: BatchView, time_column: str, now_s: float | None) -> tuple[BatchView, int]:
    """The rows that may be counted, and how many may not."""
    if not view.row_count:
        return view, 0
    limit_s = LATEST_S if now_s is None else now_s + FUTURE_LIMIT_S
    first_s, last_s = view.span(time_column)
    if first_s >= 0.0 and last_s <= limit_s:  # never so with NaN
        return view, 0
    at_s = view.numbers(time_column)
    fit = (at_s >= 0.0) & (at_s <= limit_s)
    refused = int(np.count_nonzero(~fit))
    return BatchView(view.topic, view.partition, view.batch.filter(pa.array(fit))), refused
