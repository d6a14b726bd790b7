"""Rows made together say what each would say alone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from controller.ports import GENESIS, Message
from controller.settings import Settings
from controller.telemetry.arrow_columns import LONG
from controller.telemetry.batches import TelemetryBatch, decode, encode_arrow, headers_for
from controller.telemetry.schema import SERVED
from serving.arm_call import ArmAnswer
from serving.served_batch import served_batch, slate_shapes
from serving.served_row import Asked, Attempt, Served, ServedRow

PLAN = Settings().baseline_plan(GENESIS)
ANSWER = ArmAnswer(
    item_ids=("a", "b", "c"),
    scores=(2.0, 1.5, -1.0),
    version="v1",
    ages_s={"user": 1.5, "item": 20.0},
    inputs={"price": 3.0, "hour": 4.0},
    contributions={"price": 0.5},
    cpu_ms=2.0,
)
ASKED = Asked(bytes(range(16)), 100.0, 2**63 + 5, 7, {"platform": "ios"}, 3)
SHOWN = Served(
    role="user",
    arm="primary",
    propensities={"primary": 0.75, "fallback": 0.25},
    evaluation_id="",
    unit=9,
    attempts=(Attempt("primary", "v1", 12.0, "ok"),),
    answer=ANSWER,
    served_by="primary",
    outcome="ok",
    latency_ms=500.0,
    queue_depth=1,
    cache="miss",
)


def rows() -> Iterator[ServedRow]:
    """One of each kind there is."""
    shed = replace(SHOWN, arm=None, propensities={}, attempts=[], answer=None, served_by=None)
    rescued = (Attempt("primary", "v1", 60.0, "late", "deadline"), Attempt("last", "v2", 1.0, "ok"))
    yield ASKED, SHOWN, PLAN
    yield replace(ASKED, segments={}, session_hash=None), shed, PLAN
    yield replace(ASKED, segments={"country": "nl"}, bot=True), SHOWN, replace(PLAN, revision=4)
    yield replace(ASKED, product_feature_id="home"), replace(SHOWN, attempts=rescued), PLAN
    for answer in (
        ArmAnswer(("z",), (0.5,), "v1"),
        ArmAnswer((), (), "v1", defaulted=("user",), not_found=("user", "item")),
        replace(ANSWER, item_ids=("d", "e"), scores=(1.0, 1.0), inputs={}, diversity=0.5),
        replace(ANSWER, inputs={"other": 1.0}, ages_s={"user": 2.0}),
    ):
        yield ASKED, replace(SHOWN, answer=answer), PLAN


def told(batch: Any) -> list[dict[str, Any]]:
    """What a reader finds, without columns that are null."""
    headers = headers_for(producer_id="p", producer_seq=0, service="s")
    read = decode(Message(SERVED, 0, 0, "t", encode_arrow(SERVED, batch), headers))
    assert isinstance(read, TelemetryBatch)
    found: list[dict[str, Any]] = read.batch.to_pylist()
    return [{name: v for name, v in row.items() if v is not None} for row in found]


def test_a_row_tells_what_was_asked_and_served() -> None:
    (row,) = told(served_batch([(ASKED, SHOWN, PLAN)]))
    assert row["request_id"] == bytes(range(16))
    assert (row["user_id"], row["at_s"], row["done_at_s"]) == (2**63 + 5, 100.0, 100.5)
    assert (row["segment.platform"], row["arm"], row["cache"]) == ("ios", "primary", "miss")
    assert row["propensities"][1] == {"arm": "fallback", "chance": 0.25}
    assert row["attempts"][0]["elapsed_ms"] == 12.0
    assert row["slate"][2] == {"item_id": "c", "position": 2, "propensity": 1.0, "team": None}
    assert row["feature_ages"][1] == {"group": "item", "age_s": 20.0}
    assert row["inputs"][0] == {"feature": "price", "value": 3.0}
    assert row["contributions"] == [{"feature": "price", "value": 0.5}]
    assert (row["top_score"], row["margin"]) == (2.0, 0.5)


def test_rows_made_together_are_those_made_alone() -> None:
    alone = [told(served_batch([row]))[0] for row in rows()]
    assert told(served_batch(list(rows()))) == alone
    assert told(served_batch(list(rows())[::-1])) == alone[::-1]


def test_more_rows_than_kept_columns_hold_are_told_alike() -> None:
    many = [(ASKED, SHOWN, PLAN)] * (LONG + 1)
    batch = served_batch(many)
    batch.validate(full=True)
    (alone,) = served_batch(many[:1]).to_pylist()
    assert batch.slice(LONG).to_pylist() == [alone]


@pytest.mark.parametrize("slate", [(3.0, 1.0, 1.0, -20.0), (-1e9, 1e9), (0.25,)])
def test_entropy_is_that_of_the_softmax(slate: tuple[float, ...]) -> None:
    weights = [math.exp(score - max(slate)) for score in slate]
    shares = [weight / sum(weights) for weight in weights]
    wanted = -sum(share * math.log(share) for share in shares if share > 0.0)
    top, lead, entropy = slate_shapes([(), slate, (5.0, 4.0)])
    assert (top[1], lead[1]) == (slate[0], slate[0] - slate[1] if len(slate) > 1 else 0.0)
    assert entropy[1] == pytest.approx(wanted, abs=1e-12)
    assert (top[0], lead[0], entropy[0]) == (0.0, 0.0, 0.0)
