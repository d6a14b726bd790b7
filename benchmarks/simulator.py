"""How fast the virtual world runs, beside simpy in the same run, and whether it stays sound.

``python -m benchmarks.simulator [--quick] [--json] [--live]``. CPU seconds of this process, since
other programs share the machine. The live demo runs beside its virtual twin; with ``--quick`` only
if ``--live`` is given, too.
"""

from __future__ import annotations

import gc
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import psutil

from benchmarks.figure import Figure, run_benchmark
from benchmarks.simpy_world import SimpyWorld
from controller.adapters.memory_bus import MemoryBus
from controller.adapters.memory_store import MemoryPlanStore
from controller.language.loading import load_playbooks
from controller.monitors.layers import catalogue_of
from controller.ports import GENESIS
from controller.telemetry.batches import headers_for
from selfright.demo import run_demo
from simulator.kernel import Kernel, Priority
from simulator.live.progress import Silent
from simulator.report.healing import Healing
from simulator.report.report import report_on
from simulator.scenario.loading import scenario_from_file, scenario_from_text
from simulator.scenario.model import Scenario
from simulator.scenario.random_mix import random_scenario
from simulator.scenario.shipped import find_scenario
from simulator.virtual.controller_host import ControllerHost
from simulator.virtual.run import run_scenario
from simulator.virtual.virtual_clock import VirtualClock
from simulator.world.conditions import Conditions
from simulator.world.producers import LINGER_S
from simulator.world.world import World

SEED = 1
HOUR_S = 3_600
DAY_S = 24 * HOUR_S
KEEP_MESSAGES = 600
GOAL_PER_S = 70_000
GOAL_DAY_S = 60.0
GOAL_RATIO = 20.0
GOAL_SEEDS_S = 300.0
GOAL_GROWTH_MB = 30.0
MB = 1e6


def figures(quick: bool, live: bool) -> Iterator[Figure]:
    yield from _speed(20 * 60 if quick else DAY_S, 60 if quick else 600)
    yield _memory(2 * HOUR_S, HOUR_S, 5) if quick else _memory(7 * DAY_S, DAY_S, 50)
    yield from _random(5 if quick else 200)
    yield from _demo(live)


def scenario_of(duration_s: int, rate_per_s: float) -> Scenario:
    """A day's shape of traffic around the mean rate, the shipped playbooks, nothing wrong."""
    return scenario_from_text(
        "version: 1\nscenario: benchmark\nwhy: How fast it is.\n"
        f"duration: {duration_s}s\nplaybooks: shipped\n"
        f"traffic: {{rate: {rate_per_s:g}/s, day_ratio: 3}}\n"
    )


def _speed(duration_s: int, simpy_s: int) -> Iterator[Figure]:
    """``simpy_s``: so much of the same is enough for simpy's cost per request."""
    scenario = scenario_of(duration_s, 50.0)
    flat = replace(scenario.world, traffic=replace(scenario.world.traffic, day_ratio=1.0))
    twin = replace(scenario, duration_s=float(simpy_s), world=flat)
    wall_s = time.perf_counter()
    requests = 0

    def whole() -> None:
        nonlocal requests
        requests = len(run_scenario(scenario, SEED).evidence.exchanges)

    cpu_s = _cpu_s(whole)
    wall_s = time.perf_counter() - wall_s
    day_s = cpu_s * DAY_S / duration_s
    rate = requests / cpu_s
    rival, rival_alone = _simpy_per_s(twin, controlled=True), _simpy_per_s(twin, controlled=False)
    own = f"{duration_s / 3600:.3g} h at 50/s, world and controller"
    yield Figure(
        f"{own}: requests",
        rate,
        "requests/s",
        rival,
        rate / rival,
        f">= {GOAL_PER_S:,}",
        rate >= GOAL_PER_S,
    )
    yield Figure(
        f"{own}: scaled to a day",
        day_s,
        "CPU s",
        None,
        None,
        f"<= {GOAL_DAY_S:g}",
        day_s <= GOAL_DAY_S,
    )
    yield Figure(f"{own}: this run", wall_s, "wall s", None, None, "no goal", True)
    yield Figure(
        "times as fast as simpy, world and controller",
        rate / rival,
        "times",
        1.0,
        rate / rival,
        f">= {GOAL_RATIO:g}",
        rate >= GOAL_RATIO * rival,
    )
    alone = _world_per_s(scenario)
    yield Figure(
        "the world alone", alone, "requests/s", rival_alone, alone / rival_alone, "no goal", True
    )


def _world_per_s(scenario: Scenario) -> float:
    """The world without bus and controller, under the baseline."""
    plan = scenario.settings.baseline_plan(GENESIS)
    world = World(scenario.settings, scenario.world, SEED, lambda _: Conditions(), (), (), plan)
    requests = 0

    def live() -> None:
        nonlocal requests
        for second in range(1, int(scenario.duration_s) + 1):
            world.second(second)
            requests += len(world.exchanges())

    cpu_s = _cpu_s(live)
    return requests / cpu_s


def _simpy_per_s(scenario: Scenario, *, controlled: bool) -> float:
    """Requests per CPU second; ``controlled``: with the same shell, judging the same telemetry."""
    world = SimpyWorld(scenario.settings, scenario.world, SEED)
    seconds = int(scenario.duration_s)
    if not controlled:
        cpu_s = _cpu_s(lambda: [world.second(second) for second in range(1, seconds + 1)])
        return world.requests / cpu_s
    settings, start_s = scenario.settings, scenario.world.start_s
    kernel, bus = Kernel(start_s), MemoryBus(settings.partitions, KEEP_MESSAGES)
    playbooks = load_playbooks(settings.playbooks, settings, catalogue_of(settings))
    store = MemoryPlanStore(VirtualClock(kernel))
    host = ControllerHost(settings, playbooks, bus, store, kernel, folder=None, may_crash=False)
    sent: dict[str, int] = {}

    def each_second(number: int) -> None:
        for topic, batch in world.second(number):
            sequence = sent[topic] = sent.get(topic, -1) + 1
            head = headers_for(producer_id="simpy", producer_seq=sequence, service=settings.service)
            bus.append(topic, b"", head, 0, None, columns=batch)
        at_s = start_s + number + 1 + LINGER_S
        kernel.at(at_s, lambda: each_second(number + 1), Priority.DELIVERY)

    def live() -> None:
        host.start()
        while kernel.now_s < start_s + seconds:
            host.run_tick()

    kernel.at(start_s + 1 + LINGER_S, lambda: each_second(1), Priority.DELIVERY)
    cpu_s = _cpu_s(live)
    host.stop()
    return world.requests / cpu_s


def _memory(duration_s: int, settled_s: int, rate_per_s: float) -> Figure:
    """In a process of its own, so that nothing before it is counted. ``settled_s``: a day has a
    peak, and what is kept of the last minutes is largest then."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        settled_mb, growth_mb = pool.submit(memory_of, duration_s, settled_s, rate_per_s).result()
    return Figure(
        f"memory of {duration_s / DAY_S:.2g} days at {rate_per_s:g}/s, growth after the first "
        f"{settled_s / HOUR_S:g} h",
        growth_mb,
        "MB",
        settled_mb,
        growth_mb / settled_mb,
        f"< 10 % of the most until then, or < {GOAL_GROWTH_MB:g} MB",
        growth_mb < max(GOAL_GROWTH_MB, 0.1 * settled_mb),
    )


def memory_of(duration_s: int, settled_s: int, rate_per_s: float) -> tuple[float, float]:
    """The most resident MB until ``settled_s``, and how much more there ever was after it."""
    me = psutil.Process()
    most_mb = {False: 0.0, True: 0.0}

    def look(share: float) -> None:
        later = share * duration_s > settled_s
        most_mb[later] = max(most_mb[later], me.memory_info().rss / MB)

    run_scenario(scenario_of(duration_s, rate_per_s), SEED, progress=look)
    look(2.0)
    return most_mb[False], max(0.0, most_mb[True] - most_mb[False])


def _random(seeds: int) -> Iterator[Figure]:
    broken = 0
    started_s = time.perf_counter()
    for seed in range(seeds):
        broken += bool(run_scenario(random_scenario(seed), seed).broken)
    took_s = time.perf_counter() - started_s
    yield Figure(
        f"{seeds} random scenarios",
        took_s,
        "wall s",
        None,
        None,
        f"200 of them < {GOAL_SEEDS_S:g}",
        took_s * 200 / seeds < GOAL_SEEDS_S,
    )
    yield Figure("of these with a broken invariant", broken, "runs", None, None, "0", broken == 0)


def _demo(live: bool) -> Iterator[Figure]:
    """The demo in virtual time; its baseline is the live one of the same run."""
    scenario = scenario_from_file(find_scenario("demo"))
    virtual = _times(report_on(run_scenario(scenario, SEED).evidence).healings[0])
    beside: Mapping[str, float | None] = _live_times() if live else {}
    for name, seconds in virtual.items():
        real = beside.get(name)
        yield Figure(
            f"demo in virtual time, {name}",
            seconds or 0.0,
            "s",
            real,
            seconds / real if seconds is not None and real else None,
            "it happens",
            seconds is not None,
        )


def _live_times() -> Mapping[str, float | None]:
    with tempfile.TemporaryDirectory(prefix="selfright-benchmark-") as folder:
        report = run_demo(Path(folder) / "demo", ratings=None, seed=SEED, progress=Silent())
    return _times(report.healings[0])


def _times(healing: Healing) -> dict[str, float | None]:
    return {
        "first breach": healing.breach_s,
        "plan published": healing.published_s,
        "bad attempts gone": healing.bad_gone_s,
        "recovered": healing.recovered_s,
    }


def _cpu_s(work: Callable[[], object]) -> float:
    gc.collect()
    started_s = time.process_time()
    work()
    return time.process_time() - started_s


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when every goal holds in this run, else 1."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    live = "--live" in words
    rest = [word for word in words if word != "--live"]
    return run_benchmark(__doc__ or "", rest, lambda quick: figures(quick, live or not quick))


if __name__ == "__main__":
    sys.exit(main())
