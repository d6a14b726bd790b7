"""Which outcomes are clicks that count: several tallies ask, each row is judged once."""

from __future__ import annotations

from controller.monitors.counting.batch_view import BatchView, Mask

CLICK = "click"


def in_time(rows: BatchView, window_s: float) -> Mask:
    """Clicks on a request drawn to an arm, within so long after its draw."""

    def make(whole: BatchView) -> Mask:
        drawn_s, at_s = whole.numbers("served_at_s"), whole.numbers("at_s")
        kept = whole.labels("kind").equal(CLICK) & (whole.labels("arm").codes >= 0)
        kept &= whole.present("request_id") & whole.timely("served_at_s") & whole.timely("at_s")
        return kept & (at_s >= drawn_s) & (at_s <= drawn_s + window_s)

    return rows.share(("clicks.in_time", window_s), make)
