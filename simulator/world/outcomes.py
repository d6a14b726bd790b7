"""What users did with their slates: true chances, clicks, and the rows of `outcome` telemetry.

Labels of a row are those of the token of its slate. Clicks are made whether or not anybody is told;
what becomes of their rows on the way is decided here by each visit's own luck.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from controller.settings import Settings
from controller.telemetry.schema import OUTCOME
from simulator.population.audience import Audience
from simulator.spec import Users
from simulator.visits import MICROSECONDS, Floats, Integers
from simulator.world.arrow_columns import batch, ids, kind_of, labels, lists, numbers, same_label
from simulator.world.handled import Handled
from simulator.world.served_rows import Names, chances_lists, segment_columns

RECEIVED_AFTER_US = 20_000
"""From the click to the click log."""
LEAST_TOKEN_LIFE_S = 60.0
DOUBLE_AFTER_US = (2_000_000, 20_000_000)
"""A click told twice comes again within these."""
_EVENT_SALT = np.uint64(0xC11C_C11C_C11C_C11C)


@dataclass(frozen=True)
class Clicked:
    """Per user's request, in order of ``visits``: (n, k) clicks, and when they are made."""

    hits: NDArray[np.bool_]
    at_us: Integers

    @property
    def counts(self) -> Integers:
        return np.asarray(self.hits.sum(axis=1, dtype=np.int64))


@dataclass(frozen=True)
class OutcomeRows:
    """Rows on their way to the click log, in order of ``received_us``: ``rows`` are places in the
    handled columns, the same one twice where a click is told twice."""

    rows: Integers
    at_us: Integers
    received_us: Integers

    def part(self, kept: NDArray[np.bool_] | Integers) -> OutcomeRows:
        return OutcomeRows(self.rows[kept], self.at_us[kept], self.received_us[kept])


def click(audience: Audience, handled: Handled, users: Integers, chances: Floats) -> Clicked:
    """``users``: the places of users' rows in ``handled``, in order of visits; ``chances`` (n, k)
    of theirs."""
    visits = handled.visits
    hits = audience.clicked(visits, chances)
    return Clicked(hits, handled.done_us[users] + audience.delay_us(visits))


def told(
    handled: Handled, users: Integers, clicked: Clicked, settings: Settings, how: Users
) -> OutcomeRows:
    """The rows of clicks that are not lost: told once or twice, and only while the token lives."""
    visits = handled.visits
    life_us = round(max(LEAST_TOKEN_LIFE_S, settings.attribution_window_s) * MICROSECONDS)
    received_us = clicked.at_us + RECEIVED_AFTER_US
    kept = clicked.hits.any(axis=1) & (visits.u_loss >= how.loss_share)
    kept &= received_us < handled.at_us[users] + life_us
    once = np.flatnonzero(kept)
    twice = once[visits.u_double[once] < how.double_share]
    least, most = DOUBLE_AFTER_US
    part = visits.u_double[twice] / how.double_share if len(twice) else np.zeros(0)
    again_us = least + ((most - least) * part).astype(np.int64)
    which = np.concatenate([once, twice])
    received_us = np.concatenate([received_us[once], received_us[twice] + again_us])
    order = np.argsort(received_us, kind="stable")
    return OutcomeRows(users[which][order], clicked.at_us[which][order], received_us[order])


def outcome_batch(
    handled: Handled,
    rows: OutcomeRows,
    hits: NDArray[np.bool_],
    top_scores: Floats,
    names: Names,
) -> pa.RecordBatch:
    """One row per row of ``rows``, in order. ``hits``: (n, k) by visit; ``top_scores``: (m,)."""
    places, count = rows.rows, len(rows.rows)
    mine = hits[handled.visit[places]]
    evaluation = handled.plan.evaluation
    stamps = ("", evaluation.id if evaluation else "")
    positions = np.broadcast_to(np.arange(mine.shape[1], dtype=np.int16), mine.shape)
    clicks = mine.sum(axis=1)
    viewed = positions <= _last(mine)[:, None]
    events = handled.request_id[places] ^ _EVENT_SALT
    columns = {
        "request_id": ids(handled.request_id[places]),
        "event_id": ids(events),
        "kind": same_label(count, "click"),
        "value": pa.array(clicks.astype(np.float64)),
        "clicked_positions": lists(
            kind_of(OUTCOME, "clicked_positions"), clicks, pa.array(positions[mine])
        ),
        "viewed_positions": lists(
            kind_of(OUTCOME, "viewed_positions"), viewed.sum(axis=1), pa.array(positions[viewed])
        ),
        "at_s": pa.array(names.seconds(rows.at_us)),
        "received_at_s": pa.array(names.seconds(rows.received_us)),
        "served_at_s": pa.array(names.seconds(handled.at_us[places])),
        "arm": labels(handled.drawn[places], tuple(handled.plan.arms)),
        "evaluation_id": labels(handled.stamped[places], stamps),
        "propensities": chances_lists(OUTCOME, handled.chances, handled.chances_id[places]),
        # As the token has it: another arm's score says nothing of the arm drawn.
        "top_score": numbers(
            top_scores[places], handled.served_by[places] == handled.drawn[places]
        ),
    }
    users = handled.visits.user[handled.visit[places]]
    return batch(OUTCOME, columns | segment_columns(users, names), count)


def _last(hits: NDArray[np.bool_]) -> Integers:
    """The last clicked position of each row: users are taken to have looked that far."""
    return np.asarray(hits.shape[1] - 1 - hits[:, ::-1].argmax(axis=1))
