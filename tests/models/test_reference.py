"""The reference: as many of the newest requests as there are, up to a limit."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from models import reference
from models.artifact import Trained
from models.events import ClickHistory, events_from
from models.factorization import INPUT_NAMES, Factorization
from models.interactions import HOUR_S


def test_the_limit_is_what_a_drift_decision_wants() -> None:
    assert reference.REQUESTS_LIMIT >= 50_000


def test_every_request_after_the_first_hour_is_in_while_there_are_few(
    table: pa.Table, model: Trained
) -> None:
    events = events_from(table)
    late = np.unique(events.request[events.at_s >= events.at_s[0] + HOUR_S])
    assert {bins.feature for bins in model.reference} == set(INPUT_NAMES)
    for bins in model.reference:
        assert sum(bins.counts) + bins.null_count == len(late)


def test_beyond_the_limit_the_newest_are_sampled(
    table: pa.Table, model: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = events_from(table)
    monkeypatch.setattr(reference, "REQUESTS_LIMIT", 200)
    asked: list[float] = []

    class Watched(ClickHistory):
        def recent(self, user: int, at_s: float) -> list[int]:
            asked.append(at_s)
            return super().recent(user, at_s)

    recommender = Factorization.from_arrays("v", model.arrays, model.parameters)
    bins = reference.reference_of(recommender, Watched(events), events, seed=1)
    assert {sum(one.counts) for one in bins} == {200}
    assert min(asked) > np.quantile(events.at_s, 1.0 - reference.NEWEST_SHARE - 0.1)
