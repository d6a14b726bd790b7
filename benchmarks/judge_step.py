"""One step of the judge: 100 playbooks over 2,000 readings, beside the same rules in rule engines.

The peers only compare numbers: no `for`, no missing data, no guards, no explanation. They get the
readings as we do, as one mapping a tick. A tick in which most conditions change is shown too.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import numpy as np

from benchmarks.figure import Figure
from benchmarks.throw_away import run_apart
from controller.core.facts import Fate, Tick
from controller.core.playbook import (
    All,
    Comparison,
    Guards,
    Move,
    NoData,
    Notify,
    Playbook,
    Quantity,
)
from controller.core.readings import Reading, Readings, ReadingState, SignalKey
from controller.core.settings import ArmSettings, JudgeSettings
from controller.core.state import JudgeState
from controller.core.step import step
from controller.proving.run import START_S, Subject, begin

PLAYBOOKS = 100
READINGS = 2_000
CONDITIONS = 3
"""In each playbook's `when`, and one more in its `clear_when`."""
GOAL_MS = 10.0
SEED = 1
RULE_ENGINES = ("common-expression-language", "rule-engine")
_PEERS = """
import json, sys, time
import cel, rule_engine
rules, names, ticks = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
conditions = [[f"r{(i * 7 + j * 613) % names}" for j in range(3)] for i in range(rules)]
texts = [" AND ".join(f"{name} > 0.999" for name in each) for each in conditions]
rows = [{f"r{n}": ((n * 37 + t * 11) % 997) / 1000.0 for n in range(names)} for t in range(ticks)]
programs = [cel.compile(text.replace("AND", "&&")) for text in texts]
engines = [rule_engine.Rule(text.replace("AND", "and")) for text in texts]
def cpu(work):
    start = time.process_time()
    for row in rows:
        work(row)
    return (time.process_time() - start) / ticks * 1e3
def by_cel(row):
    context = cel.Context(row)
    for program in programs:
        program.execute(context)
def by_rule_engine(row):
    for engine in engines:
        engine.matches(row)
by_cel(rows[0]); by_rule_engine(rows[0])
print(json.dumps({"CEL": min(cpu(by_cel) for _ in range(3)),
                  "rule-engine": min(cpu(by_rule_engine) for _ in range(3))}))
"""


def figures(quick: bool) -> Iterator[Figure]:
    """Milliseconds of CPU a step."""
    ticks = 30 if quick else 200
    said = run_apart(RULE_ENGINES, _PEERS, str(PLAYBOOKS), str(READINGS), str(ticks))
    peers: dict[str, float] = json.loads(said) if said else {}
    quiet_ms = _step_ms(ticks, busy=False)
    busy_ms = _step_ms(ticks, busy=True)
    name = f"one step, {PLAYBOOKS} playbooks, {READINGS:,} readings"
    for peer, peer_ms in peers.items():
        yield _figure(f"{name}, beside {peer}", quiet_ms, peer_ms)
    if not peers:
        yield _figure(name, quiet_ms, None)
    yield _figure(f"{name}, most conditions changing", busy_ms, quiet_ms)


def _figure(name: str, value_ms: float, baseline_ms: float | None) -> Figure:
    ratio = None if baseline_ms is None else value_ms / baseline_ms
    return Figure(
        name, value_ms, "ms", baseline_ms, ratio, f"<= {GOAL_MS:g} ms", value_ms <= GOAL_MS
    )


def _step_ms(ticks: int, *, busy: bool) -> float:
    """The mean over the later three quarters: by then every timer runs."""
    state = _led()
    random = np.random.default_rng(SEED)
    used_s: list[float] = []
    for n in range(ticks):
        at_s = START_S + 1.0 + n
        tick = Tick(n, at_s, _readings(at_s, random, 0.5 if busy else 0.0))
        start_s = time.process_time()
        stepped = step(state, tick)
        used_s.append(time.process_time() - start_s)
        state = stepped.state
        if stepped.records:
            state = step(state, Fate(n, at_s, "published", "head")).state
    return float(np.mean(used_s[ticks // 4 :])) * 1e3


def _readings(at_s: float, random: np.random.Generator, high: float) -> Readings:
    """Uniform numbers; a share ``high`` of them beyond the thresholds."""
    values = random.uniform(0.0, 0.9, READINGS)
    values[random.random(READINGS) < high] = 1.0
    return {
        _key(n): Reading(value, ReadingState.OK, 100, at_s - 5.0, at_s)
        for n, value in enumerate(values.tolist())
    }


def _led() -> JudgeState:
    """Elected, with everything published."""
    settings = JudgeSettings(
        "benchmark",
        {"primary": ArmSettings("v", 1.0), "fallback": ArmSettings("f", 0.0, in_process=True)},
    )
    playbooks = tuple(_playbook(n) for n in range(PLAYBOOKS))
    return begin(Subject(playbooks, settings, {}, 0)).state


def _playbook(n: int) -> Playbook:
    places = [(n * 7 + j * 613) % READINGS for j in range(CONDITIONS)]
    return Playbook(
        name=f"p{n}",
        owner="benchmark",
        why="",
        when=All(tuple(_above(place) for place in places)),
        no_data=NoData.HOLD,
        rungs=((Move(Notify("chat", "look")),),),
        clear_when=_above(places[0] + 1),
        guards=Guards(cooldown_s=0.0, budget_count=1_000),
        text=f"playbook: p{n}\n",
        sha256=f"{n:064x}",
    )


def _above(place: int) -> Comparison:
    key = _key(place)
    return Comparison(
        Quantity(key.name, key.labels, key.window_s), ">", 0.999, "value", 2.0, str(key)
    )


def _key(n: int) -> SignalKey:
    return SignalKey("signal", (("of", f"{n:04d}"),), 5.0)
