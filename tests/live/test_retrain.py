"""A retrained candidate has learned from this run, and a person's approval serves it."""

from __future__ import annotations

import json
import time

import pytest

from models.registry import Registry
from tests.live.stack import LiveStack, eventually

pytestmark = [pytest.mark.live, pytest.mark.ray]

PLAYBOOK = """\
version: 1
playbook: learn-from-today
owner: test
why: Traffic is here; learn from it and let a person promote what came of it.
when: request_rate_per_s[5s] > 5/s for 1s
no_data: hold
do:
  - retrain: {arm: primary, data: last 24h, then: evaluate}
clear_when: request_rate_per_s[5s] < 1/s for 5s
guards: {autonomy: auto, cooldown: 1h, budget: 1 per 1h, priority: 10}
"""


def test_a_candidate_from_this_run_is_promoted_by_approval(stack: LiveStack) -> None:
    started_at_s = time.time()
    stack.simulate("--rate", "25", "--duration", "8")
    eventually(lambda: _parts_after(stack, started_at_s), "a part with rows of this run", 120)

    playbook = stack.folder / "playbooks" / "learn_from_today.yaml"
    playbook.write_text(PLAYBOOK, encoding="utf-8")
    stack.simulate("--rate", "25", "--duration", "8")
    asked = eventually(lambda: _approval(stack), "an approval is asked for", 180)
    playbook.unlink()

    registry = Registry(stack.data_dir / "artifacts")
    candidate = registry.by_work(asked.removesuffix("-promote"))
    assert candidate is not None
    assert registry.manifest(candidate).data["last_at_s"] > started_at_s
    assert stack.plan()["arms"]["primary"]["version"] != candidate

    stack.must("approve", asked)
    assert stack.plan()["arms"]["primary"]["version"] == candidate
    eventually(
        lambda: stack.recommend(f"user-{time.monotonic_ns()}")["model_version"] == candidate,
        "the candidate serves",
    )


def _parts_after(stack: LiveStack, at_s: float) -> bool:
    import pyarrow.dataset as ds

    folder = stack.data_dir / "interactions"
    rows = ds.dataset(folder, format="parquet").filter(ds.field("at_s") > at_s).count_rows()
    return bool(rows > 0)


def _approval(stack: LiveStack) -> str | None:
    state = json.loads(stack.must("status", "--json"))["state"]
    waiting = [asked["id"] for asked in state["approvals"]]
    return next((name for name in waiting if name.startswith("learn-from-today")), None)
