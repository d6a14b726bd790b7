"""A run written by hand: plans, sealed records and steps, healthy until a test bends them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from controller.core.readings import Reading, ReadingState, SignalKey
from controller.settings import Settings
from simulator.invariants.invariants import Invariants
from simulator.invariants.step import Broken, Requests, Step

START_S = 1_764_000_000.0
EPOCH = 1_764_000_000
SLOW = SignalKey("arm_latency_ms.p95", (("arm", "primary"),), 5.0)
AVAILABLE = SignalKey("availability", (), 5.0)
WHEN = "arm_latency_ms.p95{arm=primary} > 150ms for 2s"
PLAYBOOK: dict[str, Any] = {
    "version": 1,
    "playbook": "slow",
    "owner": "ann",
    "why": "It is slow.",
    "when": WHEN,
    "no_data": "hold",
    "do": [
        {
            "route": {
                "from": "primary",
                "to": "fallback",
                "share": "100%",
                "return": {"stages": ["50%", "100%"], "every": "5s"},
            },
            "expect": "degraded_share < 5% within 30s",
            "else": "keep",
        }
    ],
    "clear_when": "arm_latency_ms.p95{arm=primary}[30s] < 90ms for 60s",
    "guards": {"cooldown": "1m", "budget": "2 per 10m"},
}


def canonical(document: Any) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


class HandMade:
    """Keeps log, plan and counts, and feeds `Invariants`. ``broken`` is all that was found."""

    playbook = PLAYBOOK

    def __init__(self, playbooks: Sequence[Mapping[str, Any]] = (PLAYBOOK,)) -> None:
        self.settings = Settings()
        self.invariants = Invariants(self.settings, playbooks, START_S)
        self.at_s = START_S
        self.head = "0" * 64
        self.revision = 0
        self.epoch = EPOCH
        self.plan: dict[str, Any] | None = None
        self.text: bytes | None = None
        self.claims: list[dict[str, Any]] = []
        self.requests = Requests(0, 0, 0, 0)
        self.more_come = True
        """Whether each second brings 40 requests more; a test that counts itself says no."""
        self.routers: tuple[tuple[int, int, str], ...] = ((0, 0, "0" * 64),)
        self.readings: dict[SignalKey, Reading] = {}
        self.broken: list[Broken] = []
        self.read(AVAILABLE, 1.0)
        self.read(SLOW, 50.0)

    @property
    def names(self) -> set[str]:
        return {each.invariant for each in self.broken}

    def read(self, key: SignalKey, value: float | None, state: str = "ok") -> None:
        self.readings[key] = Reading(value, ReadingState(state), 100, self.at_s - 5.0, self.at_s)

    def seen(self, **changes: Any) -> dict[str, Any]:
        """The one condition, as a record says it saw it."""
        reading = self.readings[SLOW]
        seen = {
            "text": WHEN,
            "met": "met",
            "value": reading.value,
            "threshold": 150.0,
            "margin": 1.0,
            "sample_size": 100,
            "state": reading.state.value,
            "held_s": 2.0,
            "sentence": "",
        }
        return {**seen, **changes}

    def route(self, owner: str, **changes: Any) -> dict[str, Any]:
        claim = {
            "owner": owner,
            "kind": "route",
            "priority": 50,
            "since_s": self.at_s,
            "source": "primary",
            "target": "fallback",
            "share": 1.0,
        }
        return {**claim, **changes}

    def record(self, phase: str, **changes: Any) -> dict[str, Any]:
        """An unsealed record of the next revision."""
        incident = changes.get("incident")
        record = {
            "id": f"{self.epoch}-{self.revision + 1}-1",
            "at_s": self.at_s,
            "epoch": self.epoch,
            "revision": self.revision + 1,
            "service": "recommender",
            "phase": phase,
            "sentence": "",
            "incident": None,
            "playbook": "slow" if incident else None,
            "conditions": [],
            "guards": [],
            "losers": [],
            "claims_before": list(self.claims),
            "claims_after": list(self.claims),
            "expected": None,
            "autonomy": "auto",
            "enforced": True,
            "command_id": None,
            "details": {},
        }
        return {**record, **changes}

    def incident(self) -> str:
        """The id of one that opens in the next revision."""
        return f"slow-{self.epoch}-{self.revision + 1}"

    def commit(self, *records: dict[str, Any], **plan: Any) -> None:
        """Seal and publish; ``plan`` overwrites fields of the plan that follows from the claims."""
        self.step(self.seal(*records), self.published(**plan))

    def seal(self, *records: dict[str, Any]) -> tuple[bytes, ...]:
        lines = []
        for record in records:
            linked = {**record, "prev_hash": self.head}
            self.head = hashlib.sha256(canonical(linked)).hexdigest()
            lines.append(canonical({**linked, "hash": self.head}))
            self.claims = list(record["claims_after"])
        self.revision += 1
        return tuple(lines)

    def published(self, **changes: Any) -> dict[str, Any]:
        drained = max((c["share"] * (1 - c.get("returned", 0)) for c in self.claims), default=0.0)
        owner = self.claims[0]["owner"] if self.claims else "baseline"
        arms = {}
        owners = dict.fromkeys(("cache_ttl_s", "shed_share", "control_share"), "baseline")
        owners["request_deadline_ms"] = "baseline"
        for name, share in (("primary", 1.0 - drained), ("fallback", drained)):
            arms[name] = {"version": "v1", "share": share, "deadline_ms": 100.0, "replicas": None}
            owners |= {f"arms.{name}.{part}": "baseline" for part in arms[name]}
            owners[f"arms.{name}.share"] = owner
        plan = {
            "format": 1,
            "service": "recommender",
            "epoch": self.epoch,
            "revision": self.revision,
            "head": self.head,
            "at_s": self.at_s,
            "arms": arms,
            "control_share": 0.02,
            "control_arm": "fallback",
            "splits": [],
            "probe_per_s": {"fallback": 5.0},
            "request_deadline_ms": 200.0,
            "unit": "request",
            "salt": 0,
            "evaluation": None,
            "cache_ttl_s": 30.0,
            "shed_share": 0.0,
            "frozen": [],
            "wanted": [],
            "owners": owners,
        }
        return {**plan, **changes}

    def step(
        self, lines: tuple[bytes, ...] = (), plan: dict[str, Any] | None = None
    ) -> list[Broken]:
        """One second on, with these new lines and this plan (None: the same as before)."""
        if plan is not None:
            self.plan, self.text = plan, canonical(plan)
        served = self.requests.arrived + 40
        if self.more_come:
            self.requests = Requests(served, served, 0, served)
        found = self.invariants.check(self.now(lines))
        if self.plan is not None:
            self.routers = ((self.plan["epoch"], self.plan["revision"], self.plan["head"]),)
        self.at_s += 1.0
        self.broken += found
        return found

    def finish(self) -> list[Broken]:
        found = self.invariants.finish(self.now(()))
        self.broken += found
        return found

    def now(self, lines: tuple[bytes, ...]) -> Step:
        return Step(
            at_s=self.at_s,
            plan=self.text,
            head=self.head,
            new_records=lines,
            readings=self.readings,
            requests=self.requests,
            routers=self.routers,
            faults_on=False,
        )

    def elect(self) -> None:
        self.commit(self.record("elected"))

    def open(self, **changes: Any) -> str:
        """An incident that opens and drains the primary, as it should."""
        self.read(SLOW, 400.0)
        name = self.incident()
        opened = self.record("opened", incident=name, conditions=[self.seen()], **changes)
        claims = [*self.claims, self.route(name)]
        acting = self.record("acting", incident=name, conditions=[self.seen()])
        acting |= {"id": f"{self.epoch}-{self.revision + 1}-2", "claims_after": claims}
        self.commit(opened, acting)
        return name

    def recover(self, name: str) -> None:
        self.read(SLOW, 50.0)
        left = [claim for claim in self.claims if claim["owner"] != name]
        self.commit(self.record("recovered", incident=name, claims_after=left))


@pytest.fixture
def hand_made() -> type[HandMade]:
    return HandMade


@pytest.fixture
def run() -> HandMade:
    """A run whose controller was just elected."""
    made = HandMade()
    made.elect()
    return made
