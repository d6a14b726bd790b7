"""Law 8: the controller dead, slow or wrong is a fault like any other; people override without it.

Whatever is published, in whatever order, a process routes by the newest plan that can be routed by,
or by a person's file beside it; nothing else changes what it does.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.core.plan import ArmPlan, Plan, plan_to_document
from controller.settings import Arm, Settings
from serving.override_file import OVERRIDE_FILE
from serving.plan_watch import PlanWatch, baseline_plan
from serving.routing.draw import propensities
from tests.examples import examples

SETTINGS = Settings(
    arms={
        "primary": Arm(share=0.9),
        "fallback": Arm(share=0.1, in_process=True),
        "challenger": Arm(share=0.0),
    }
)
BASELINE = baseline_plan(SETTINGS)
SHARES: list[dict[str, float]] = [
    {"primary": 1.0, "fallback": 0.0, "challenger": 0.0},
    {"primary": 0.0, "fallback": 1.0, "challenger": 0.0},
    {"primary": 0.25, "fallback": 0.25, "challenger": 0.5},
    {"primary": 0.5, "fallback": 0.5},
]
GOOD_PLANS = st.builds(
    lambda epoch, revision, shares: replace(
        BASELINE,
        epoch=epoch,
        revision=revision,
        arms={name: ArmPlan("v", share) for name, share in shares.items()},
    ),
    st.integers(0, 5),
    st.integers(0, 4),
    st.sampled_from(SHARES),
)
SPOILED: list[Mapping[str, Any]] = [
    {"service": "another"},
    {"arms": {}},
    {"arms": {"primary": {"version": "v", "share": 0.3, "deadline_ms": 100.0, "replicas": None}}},
    {
        "arms": {
            "primary": {
                "version": "v",
                "share": float("nan"),
                "deadline_ms": 100.0,
                "replicas": None,
            }
        }
    },
    {"arms": {"primary": {"version": "v", "share": 1.0, "deadline_ms": -1.0, "replicas": None}}},
    {"arms": None},
    {"control_share": 7.0},
    {"request_deadline_ms": "soon"},
    {"epoch": "newest"},
    {"epoch": float("inf")},
    {"revision": None},
    {"salt": "much"},
    {"control_arm": ["fallback"]},
    {"format": 99},
]
OVERRIDES: list[dict[str, float]] = [
    {"fallback": 1.0},
    {"primary": 0.5, "fallback": 0.5},
    {"challenger": 1.0},
]
NOT_OBEYED = [
    "",
    "half a file {",
    "[]",
    '{"shares": {"nope": 1.0}, "who": "ann", "expires_at_s": 4e9}',
    '{"shares": {"fallback": 0.4}, "who": "ann", "expires_at_s": 4e9}',
    '{"shares": {"fallback": 2.0, "primary": -1.0}, "who": "ann", "expires_at_s": 4e9}',
    '{"shares": {"fallback": NaN}, "who": "ann", "expires_at_s": 4e9}',
    '{"shares": {"fallback": 1.0}, "who": "ann", "expires_at_s": NaN}',
    '{"shares": {"fallback": 1.0}, "who": "", "expires_at_s": 4e9}',
    '{"shares": {"fallback": 1.0}, "expires_at_s": 4e9}',
]
EVENTS = st.one_of(
    st.tuples(st.just("plan"), GOOD_PLANS),
    st.tuples(st.just("plan"), GOOD_PLANS),
    st.tuples(st.just("spoiled"), st.tuples(GOOD_PLANS, st.sampled_from(SPOILED))),
    st.tuples(st.just("noise"), st.sampled_from([b"", b"{}", b"[]", b"\xff", b"nonsense"])),
    st.tuples(st.just("override"), st.tuples(st.sampled_from(OVERRIDES), st.integers(-5, 40))),
    st.tuples(st.just("file"), st.sampled_from(NOT_OBEYED)),
    st.tuples(st.just("released"), st.none()),
    st.tuples(st.just("silence"), st.integers(1, 30)),
)


class Process:
    """A process that routes, beside a model of what it ought to route by."""

    def __init__(self, folder: Path) -> None:
        self.now_s = 1_000.0
        self.file = folder / OVERRIDE_FILE
        self.watch = PlanWatch(SETTINGS.model_copy(update={"data_dir": folder}))
        self.newest = BASELINE
        self.override: dict[str, float] | None = None
        self.override_until_s = 0.0

    def hear(self, verb: str, said: Any) -> None:
        match verb:
            case "plan":
                self.watch._take(text(said))
                if (said.epoch, said.revision) > (self.newest.epoch, self.newest.revision):
                    self.newest = said
            case "spoiled":
                plan, changes = said
                document = {**plan_to_document(replace(plan, epoch=plan.epoch + 9)), **changes}
                self.watch._take(json.dumps(document).encode())
            case "noise":
                self.watch._take(said)
            case "override":
                shares, lasts_s = said
                self.override, self.override_until_s = shares, self.now_s + lasts_s
                document = {"shares": shares, "who": "ann", "expires_at_s": self.override_until_s}
                self.file.write_text(json.dumps(document), encoding="utf-8")
            case "file":
                self.override = None
                self.file.write_text(said, encoding="utf-8")
            case "released":
                self.override = None
                self.file.unlink(missing_ok=True)
            case "silence":
                self.now_s += said

    def reread(self) -> None:
        with patch("serving.plan_watch.time.time", return_value=self.now_s):
            self.watch._read_override()

    @property
    def ought(self) -> dict[str, float]:
        planned = {name: arm.share for name, arm in self.newest.arms.items()}
        mine = self.override
        if mine is None or self.now_s >= self.override_until_s or not mine.keys() <= planned.keys():
            return planned
        return {name: mine.get(name, 0.0) for name in planned}

    @property
    def routes(self) -> dict[str, float]:
        plan = self.watch.table.effective(self.now_s)
        return {name: arm.share for name, arm in plan.arms.items()}


def text(plan: Plan) -> bytes:
    return json.dumps(plan_to_document(plan)).encode()


@given(events=st.lists(EVENTS, min_size=1, max_size=25))
@settings(max_examples=examples(100), deadline=None)
def test_the_newest_good_plan_or_the_override_routes_whatever_the_controller_does(
    events: list[tuple[str, Any]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        process = Process(Path(folder))
        held = process.watch.table.order
        for verb, said in events:
            process.hear(verb, said)
            # Before the file is looked at again, a second later at most, it routes as well.
            routed = process.watch.table.effective(process.now_s)
            assert sum(process.routes.values()) == pytest.approx(1.0)
            assert sum(propensities(routed, {}).values()) == pytest.approx(1.0)
            process.reread()
            assert process.routes == process.ought
            assert process.watch.table.order >= held, "never back to an older plan"
            held = process.watch.table.order
        assert held == (process.newest.epoch, process.newest.revision)
