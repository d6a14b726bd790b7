"""One scenario in virtual time: kernel, world and the shell of production, judged after each step.

A run is (code, seed, scenario). Nothing here reads a clock or draws a number of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ruamel.yaml import YAML

from controller.adapters.memory_bus import MemoryBus
from controller.adapters.memory_store import MemoryPlanStore
from controller.core.playbook import Playbook
from controller.core.readings import Readings
from controller.language.loading import load_playbooks
from controller.monitors.layers import catalogue_of
from controller.ports import GENESIS
from simulator.faults import bursts_of, changes_us, conditions_at
from simulator.invariants.invariants import Invariants
from simulator.invariants.step import Requests, Step
from simulator.kernel import Kernel, Priority
from simulator.scenario.model import Scenario
from simulator.scenario.verdict import judge
from simulator.virtual.audit import Audit
from simulator.virtual.controller_host import ControllerHost
from simulator.virtual.courier import Courier
from simulator.virtual.little_topics import Sender
from simulator.virtual.outcome import Outcome
from simulator.virtual.people import People
from simulator.virtual.plan_post import PlanPost
from simulator.virtual.recorder import Recorder
from simulator.virtual.virtual_clock import VirtualClock
from simulator.virtual.workers import Workers
from simulator.world.conditions import Conditions
from simulator.world.producers import LINGER_S
from simulator.world.world import World

HOUSE_AFTER_S = 0.3
"""So much after a second, and after its telemetry, workers look at what is wanted."""
KEEP_MESSAGES = 300
"""Per partition; what was read is not needed again but by a controller that comes back."""
PROGRESS_EVERY = 60

Progress = Callable[[float], None]
"""Told the share of the run that is over."""
Look = Callable[[float, Readings], None]
"""Shown the readings of each tick, good until it returns."""


def run_scenario(
    scenario: Scenario,
    seed: int,
    *,
    command: str = "",
    progress: Progress | None = None,
    log_dir: Path | None = None,
    stepwise: bool = False,
    look: Look | None = None,
) -> Outcome:
    """Run it to its end. ``log_dir``: keep journal and decision log there.

    ``stepwise`` serves every request one by one: the reference. ``look`` sees every tick. Raise
    BadInput for playbooks that cannot be loaded.
    """
    made = VirtualRun(scenario, seed, log_dir=log_dir, stepwise=stepwise, look=look)
    return made.run(command, progress)


class VirtualRun:
    """The parts of one run, put together."""

    def __init__(
        self,
        scenario: Scenario,
        seed: int,
        *,
        log_dir: Path | None = None,
        stepwise: bool = False,
        look: Look | None = None,
    ) -> None:
        self._look = look
        settings, spec = scenario.settings, scenario.world
        self.scenario = scenario
        self.seed = seed
        self.kernel = Kernel(spec.start_s)
        self.bus = MemoryBus(settings.partitions, KEEP_MESSAGES)
        self.store = MemoryPlanStore(VirtualClock(self.kernel))
        faults = scenario.faults
        self.world = World(
            settings,
            spec,
            seed,
            lambda at_us: conditions_at(faults, at_us / 1e6),
            changes_us(faults),
            bursts_of(faults),
            settings.baseline_plan(GENESIS),
            stepwise=stepwise,
        )
        self.courier = Courier(self.bus, self.kernel)
        self.audit = Audit(self.bus, self.courier, lambda: self.world.lost_users)
        self.post = PlanPost(self.store, self.world, self.kernel, spec.start_s, spec.adopt_ms)
        self.playbooks = load_playbooks(settings.playbooks, settings, catalogue_of(settings))
        self.host = ControllerHost(
            settings,
            self.playbooks,
            self.bus,
            self.store,
            self.kernel,
            folder=log_dir,
            may_crash=any(conditions_at(faults, f.at_s).controller_is_down for f in faults),
        )
        self.workers = Workers(self.world, spec.start_s, spec.train_s, self._sender("workers"))
        self.people = People(self.kernel, self._sender("people"), spec.start_s)
        judge_settings = settings.for_judge(catalogue_of(settings))
        self.recorder = Recorder(scenario, self.playbooks, judge_settings, self.world)
        self.invariants = Invariants(settings, _documents(self.playbooks), self._calm_after_s())
        self._records = 0
        self._end_s = spec.start_s + scenario.duration_s

    def run(self, command: str, progress: Progress | None) -> Outcome:
        """From the first second to the last, then what it came to."""
        self._schedule()
        self.host.start()
        ticks = 0
        while self.kernel.now_s < self._end_s:
            self._tick()
            ticks += 1
            if progress is not None and ticks % PROGRESS_EVERY == 0:
                start_s = self.scenario.world.start_s
                progress((self.kernel.now_s - start_s) / self.scenario.duration_s)
        self.recorder.broken += self.invariants.finish(self._step(()))
        self.host.stop()
        evidence = self.recorder.evidence(command)
        return Outcome(
            scenario=self.scenario,
            seed=self.seed,
            command=command,
            evidence=evidence,
            log=tuple(self.recorder.log),
            records=tuple(self.recorder.records),
            judged=tuple(judge(self.scenario, evidence)),
            broken=tuple(self.recorder.broken),
            failed_commands=tuple(self.people.failed),
        )

    def _tick(self) -> None:
        """Until the next second was judged, by a controller or (when it is down) by nobody."""
        if self.host.shell is None and not self._conditions().controller_is_down:
            self.host.start()  # its outage was over before it was seen to be dead
        if self.host.shell is None:
            self.kernel.run_until(float(int(self.kernel.now_s - 0.5)) + 1.5)
        else:
            self.host.run_tick()
        self.post.look()
        if self._look is not None:
            self._look(self.host.last.at_s, self.host.last.readings)
        new = self._new_records()
        for document in self.recorder.look(self.host.last, new, self.kernel.now_s):
            if document["command_id"]:
                self.people.answered(document["command_id"])
        self.recorder.broken += self.invariants.check(self._step(new))

    def _new_records(self) -> tuple[bytes, ...]:
        if self.store.down:
            return ()
        page = self.store.records(f"{self._records}-0" if self._records else "-")
        self._records += len(page)
        return tuple(line for _, line in page)

    def _step(self, new_records: tuple[bytes, ...]) -> Step:
        counts = self.world.counts
        plan = self.post.newest
        return Step(
            at_s=self.kernel.now_s,
            plan=self.post.text,
            head=plan.head if plan else GENESIS,
            new_records=new_records,
            readings=self.host.last.readings,
            requests=Requests(counts.arrived, counts.answered, 0, self.audit.written()),
            routers=tuple((p.epoch, p.revision, p.head) for p in self.world.held()),
            faults_on=any(f.at_s <= self._elapsed_s() < f.off_s for f in self.scenario.faults),
        )

    def _schedule(self) -> None:
        self._each_second(1)
        self.people.plan(self.scenario.commands, self.scenario.deploys)
        start_s = self.scenario.world.start_s
        for at_us in changes_us(self.scenario.faults):
            self.kernel.at(start_s + at_us / 1e6, self._obey_conditions)

    def _each_second(self, number: int) -> None:
        start_s = self.scenario.world.start_s

        def deliver() -> None:
            for delivery in self.world.second(number):
                self.courier.send(delivery)
            self._each_second(number + 1)

        self.kernel.at(start_s + number + LINGER_S, deliver, Priority.DELIVERY)
        self.kernel.at(start_s + number + HOUSE_AFTER_S, self._keep_house)

    def _keep_house(self) -> None:
        self.post.look()
        if self.post.newest is not None:
            self.workers.turn(self.post.newest, self.kernel.now_s)

    def _obey_conditions(self) -> None:
        now = self._conditions()
        self.store.down = now.store_is_down
        self.bus.down = now.bus_is_down
        if now.controller_is_down:
            self.host.kill()
        elif self.host.shell is None:
            self.host.start()

    def _conditions(self) -> Conditions:
        return conditions_at(self.scenario.faults, self._elapsed_s())

    def _elapsed_s(self) -> float:
        return self.kernel.now_s - self.scenario.world.start_s

    def _calm_after_s(self) -> float:
        last_s = max((fault.off_s for fault in self.scenario.faults), default=0.0)
        return self.scenario.world.start_s + last_s

    def _sender(self, name: str) -> Sender:
        settings = self.scenario.settings
        return Sender(f"virtual-{name}", settings.service, settings.region, self.courier)


def _documents(playbooks: tuple[Playbook, ...]) -> list[dict[str, object]]:
    """The playbooks as plain data: invariants know no model of them."""
    reader = YAML(typ="safe", pure=True)
    return [reader.load(playbook.text) for playbook in playbooks]
