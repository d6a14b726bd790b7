"""Law 9 over random playbooks: what the linter lets pass moves no traffic while no harm is seen.

Signals that are neither drift nor harm read anything, like those of drift: users may come or not,
telemetry may arrive or not, and all of it may be missing.
"""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.core.conditions import comparisons
from controller.core.plan import Plan
from controller.core.playbook import Comparison, Playbook
from controller.core.readings import Reading, SignalKey, SignalSpec
from controller.core.step import watched_signals
from controller.errors import BadInput
from controller.language.loading import playbook_from_text
from controller.monitors.layers import catalogue_of
from controller.settings import Settings
from tests.core.worlds import World
from tests.examples import examples

SETTINGS = Settings()
CATALOGUE = catalogue_of(SETTINGS)
JUDGE = SETTINGS.for_judge(CATALOGUE)
LABELS = {"arm": "primary", "feature": "age", "topic": "outcome", "slo": "latency"}
LABELS |= {"feature_group": SETTINGS.feature_groups[0]}
SPECS = [
    spec
    for spec in CATALOGUE.specs.values()
    if LABELS.keys() >= set(spec.labels)
    and not spec.name.startswith(("anomaly(lift", "change(lift"))
]
DRIFT = [spec.name for spec in SPECS if spec.is_drift]
HARM = [spec.name for spec in SPECS if spec.harm]
NEITHER = [spec.name for spec in SPECS if not spec.harm and not spec.is_drift]
WRITTEN = {
    "ms": ("50ms", "150ms", "199ms"),
    "s": ("0.1s", "5s", "10m"),
    "share": ("0%", "3%", "50%", "100%"),
    "per_s": ("0.001/s", "2/s", "500/s"),
    "count": ("0", "1", "20"),
    "value": ("0", "0.2", "6"),
}
MISSING = ["insufficient", "stale", "down", "idle"]


@st.composite
def leaves(draw: st.DrawFn, *kinds: list[str]) -> str:
    """A condition on a signal of one of these kinds, as it is written, on either side."""
    spec = CATALOGUE.specs[draw(st.sampled_from(draw(st.sampled_from(kinds))))]
    labels = ",".join(f"{name}={LABELS[name]}" for name in spec.labels)
    of = f"{{{labels}}}" if labels else ""
    called = spec.name.startswith(("anomaly(", "change("))
    series = f"{spec.name[:-1]}{of})" if called else f"{spec.name}{of}"
    if spec.name.startswith("anomaly("):
        said = f"{series} rarer than 1 per 30d"
    else:
        op = draw(st.sampled_from(["<", "<=", ">", ">="]))
        said = f"{series} {op} {draw(st.sampled_from(WRITTEN[spec.unit]))}"
    said += draw(st.sampled_from(["", "", " for 1s", " for 2 ticks"]))
    policy = draw(st.sampled_from(["", "", "", "hold", "act", "escalate"]))
    return f'{{if: "{said}", no_data: {policy}}}' if policy else f'"{said}"'


def _branches(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    several = st.lists(parts, min_size=1, max_size=3).map(", ".join)
    return st.one_of(
        several.map(lambda inside: f"{{all: [{inside}]}}"),
        several.map(lambda inside: f"{{all: [{inside}]}}"),
        several.map(lambda inside: f"{{any: [{inside}]}}"),
        parts.map(lambda inside: f"{{not: {inside}}}"),
    )


TREES = st.recursive(leaves(DRIFT, DRIFT, HARM, NEITHER), _branches, max_leaves=4)
DO = [
    "[{route: {from: primary, to: fallback, share: 100%}}]",
    "[{retrain: {arm: primary, data: last 1d}}, {route: {from: primary, to: fallback, share: 9%}}]",
    "[{shed: {share: 20%}}]",
]


@st.composite
def texts(draw: st.DrawFn, name: str) -> str:
    """Most ask for another signal beside drift, so that many pass."""
    tree = draw(st.one_of(leaves(DRIFT), TREES))
    beside = draw(st.sampled_from([None, HARM, NEITHER]))
    if beside is not None:
        tree = f"{{all: [{draw(leaves(beside))}, {tree}]}}"
    return (
        f"version: 1\nplaybook: {name}\nowner: oncall\nwhy: So.\nwhen: {tree}\n"
        f"no_data: {draw(st.sampled_from(['hold', 'act', 'escalate']))}\n"
        f"do: {draw(st.sampled_from(DO))}\n"
        'clear_when: "arm_bad{arm=fallback}[30s] < 1% for 60s"\n'
    )


def accepted(text: str) -> Playbook | None:
    try:
        return playbook_from_text(text, "p.yaml", SETTINGS, CATALOGUE)
    except BadInput:
        return None


def healthiest(spec: SignalSpec) -> float:
    """The reading of a signal of harm that is farthest from it."""
    if spec.harm == "low":
        return 1.0 if spec.unit == "share" and "(" not in spec.name else 1e6
    return -1e6 if spec.unit == "value" or "(" in spec.name else 0.0


class Harmless(World):
    """A world in which nobody is worse off, whatever else is seen."""

    said: Mapping[SignalKey, float | str] = {}

    def readings(self) -> dict[SignalKey, Reading]:
        return {key: self._reading(key, said) for key, said in self.said.items()}


READ = st.sampled_from([0.0, 0.0, 0.01, 1.0, 1e6, 1e6, 1e6, *MISSING])


@given(data=st.data(), count=st.integers(1, 3))
@settings(max_examples=examples(100), deadline=None)
def test_no_accepted_playbook_moves_traffic_while_no_harm_is_seen(
    data: st.DataObject, count: int
) -> None:
    read = [accepted(data.draw(texts(f"p{place}"))) for place in range(count)]
    books = [b for b in read if b is not None and any(map(is_drift, comparisons(b.when)))]
    world = Harmless(*books, settings=JUDGE)
    keys = sorted(watched_signals(world.state))
    for _ in range(6):
        said = data.draw(st.lists(READ, min_size=len(keys), max_size=len(keys)))
        world.said = {
            key: healthiest(spec) if spec.harm and not isinstance(value, str) else value
            for key, value in zip(keys, said, strict=True)
            for spec in [CATALOGUE.specs[key.name]]
        }
        world.tick(3)
    assert all(still(plan) for plan in world.plans)


def is_drift(leaf: Comparison) -> bool:
    return CATALOGUE.specs[leaf.quantity.signal].is_drift


def still(plan: Plan) -> bool:
    """Whether every user is where the baseline sends them."""
    shares = {name: arm.share for name, arm in plan.arms.items()}
    return (
        shares == {name: arm.share for name, arm in JUDGE.arms.items()}
        and not plan.splits
        and plan.shed_share == 0.0
    )
