"""One live run: users against a running service, faults on time, everything seen in one report."""

from __future__ import annotations

import asyncio
import json
import shlex
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from controller.errors import BadInput, SelfrightError, Unavailable
from controller.settings import Settings
from simulator.live.driver import Driver, Load
from simulator.live.faults import FAULTS, Place
from simulator.live.faults.fault_file import FaultFile
from simulator.live.observation import Observation
from simulator.live.progress import Progress, Silent, moment_of
from simulator.live.schedule import Scheduled, checked
from simulator.live.wire import UNKNOWN_ITEM, Service
from simulator.population import Population, from_ratings, generated
from simulator.population.crowd import Crowd
from simulator.report.evidence import Evidence
from simulator.report.exchanges import Exchanges
from simulator.report.report import Report, report_on
from simulator.report.story import Story
from simulator.report.timeline import check_ending, write_story
from simulator.report.truth import GroundTruth

CLIENT_TIMEOUT_S = 2.0
HEALTHY_CAP_S = 60.0
LOOK_EVERY_S = 0.1
TELL_EVERY_S = 1.0
MAIN_ARM = "primary"
_WHY = "Users against a running service, with real faults."


@dataclass(frozen=True, slots=True)
class Run:
    """What repeats a run. ``population_seed`` is the seed the stack made its first models with."""

    ratings: Path | None = None
    rate_per_s: float = 60.0
    duration_s: float = 120.0
    faults: Sequence[Scheduled] = ()
    seed: int = 1
    population_seed: int = 1

    def command(self, data_dir: Path) -> str:
        """The command line that repeats it."""
        words = ["selfright", "simulate", "--live"]
        if self.ratings is not None:
            words += ["--ratings", str(self.ratings)]
        words += ["--rate", f"{self.rate_per_s:g}", "--duration", f"{self.duration_s:g}"]
        for fault in self.faults:
            words += ["--fault", str(fault)]
        words += ["--seed", str(self.seed), "--population-seed", str(self.population_seed)]
        return shlex.join([*words, "--data-dir", str(data_dir)])


def run(
    settings: Settings,
    what: Run,
    progress: Progress | None = None,
    report_file: Path | None = None,
) -> Report:
    """Drive the service that ``settings`` describe. Blocks until all is over and healed.

    ``report_file`` (.html or .png) gets the timeline. The first line said is the command that
    repeats the run. Raise BadInput for what a person must mend, Unavailable when no service answers
    or a fault cannot be put in place.
    """
    return asyncio.run(run_live(settings, what, progress or Silent(), report_file))


async def run_live(
    settings: Settings, what: Run, progress: Progress, report_file: Path | None = None
) -> Report:
    """`run`, inside a running event loop. Cancelling it heals every fault."""
    if report_file is not None:
        check_ending(report_file)
    for fault in what.faults:
        checked(fault, what.duration_s)
    progress.say(what.command(settings.data_dir))
    _check_faults_enabled(settings, what.faults)
    population = (
        from_ratings(what.ratings, seed=what.population_seed)
        if what.ratings is not None
        else generated(seed=what.population_seed)
    )
    async with _service(settings) as service:
        progress.say("waiting for the service to be healthy")
        await until_healthy(service, population, settings.slate_size)
        evidence = await _Live(settings, what, progress, population, service).run()
    if report_file is not None:
        names = ", ".join(fault.name for fault in what.faults) or "no fault"
        write_story(Story(f"live: {names}", _WHY, evidence.command, evidence), report_file)
    return report_on(evidence)


async def until_healthy(service: Service, population: Population, slate_size: int) -> None:
    """Return at the first valid slate. Raise Unavailable, or BadInput where the service knows
    other items than this population."""
    loop = asyncio.get_running_loop()
    over = loop.time() + HEALTHY_CAP_S
    problem = ""
    while loop.time() < over:
        try:
            status = await service.health()
            problem = f"/health gives status {status}"
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            problem = f"connection: {type(error).__name__}"
        else:
            answer = await service.recommend(
                population.user_ids[0], slate_size, {}, population.item_index
            )
            if not answer.problem:
                return
            problem = answer.problem
            if problem == UNKNOWN_ITEM:
                raise BadInput(
                    "the service recommends items that these users do not know; accepted: the "
                    "ratings file (or none) and the seed its first models were made with",
                    field="--ratings",
                )
        await asyncio.sleep(0.5)
    raise Unavailable(
        f"no valid slate within {HEALTHY_CAP_S:g} s ({problem}); start a service with "
        "`selfright up`, or name its folder with --data-dir"
    )


@dataclass
class _Live:
    """The state of one run under way."""

    settings: Settings
    what: Run
    progress: Progress
    population: Population
    service: Service
    truths: list[GroundTruth] = field(default_factory=list)

    def __post_init__(self) -> None:
        crowd = Crowd(self.population, self.what.seed, self.settings.segments)
        load = Load(self.what.rate_per_s, self.what.duration_s, self.settings.slate_size)
        self.driver = Driver(crowd, self.service, load)
        self.seen = Observation(self.settings.data_dir, time.time)
        self.place = Place(self.settings.data_dir, FaultFile(self.settings.data_dir), time.time)
        self.started_at_s = time.time()
        self._said = 0

    async def run(self) -> Evidence:
        self.seen.look()
        self._said = len(self.seen.records)
        try:
            async with asyncio.TaskGroup() as tasks:
                beside = [tasks.create_task(self._watch())]
                beside += [tasks.create_task(self._fault(fault)) for fault in self.what.faults]
                await self.driver.run()
                for task in beside:
                    task.cancel()
        except* SelfrightError as group:
            raise _first(group) from None
        ended_at_s = time.time()
        await asyncio.sleep(TELL_EVERY_S)
        self._look()
        return self._evidence(ended_at_s)

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        start = loop.time()
        told = start
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            self._look()
            if loop.time() - told < TELL_EVERY_S:
                continue
            told = loop.time()
            self.progress.update(
                moment_of(
                    self.driver.exchanges,
                    time.time(),
                    loop.time() - start,
                    self.what.duration_s,
                    tuple(truth.name for truth in self.truths if truth.off_at_s is None),
                    MAIN_ARM,
                )
            )

    def _look(self) -> None:
        self.seen.look()
        for record in self.seen.records[self._said :]:
            self.progress.say(f"{record['phase']}: {record['sentence']}")
        self._said = len(self.seen.records)

    async def _fault(self, scheduled: Scheduled) -> None:
        await asyncio.sleep(scheduled.at_s)
        fault = FAULTS[scheduled.name]()
        number, on_at_s = len(self.truths), self.place.now_s()
        self.truths.append(fault.truth(on_at_s, None))
        self.progress.say(f"fault on: {scheduled.name}: {fault.cause}")
        await fault.hold(self.place, scheduled.for_s)
        self.truths[number] = fault.truth(on_at_s, self.place.now_s())
        self.progress.say(f"fault off: {scheduled.name}")

    def _evidence(self, ended_at_s: float) -> Evidence:
        return Evidence(
            command=self.what.command(self.settings.data_dir),
            started_at_s=self.started_at_s,
            ended_at_s=ended_at_s,
            exchanges=Exchanges.of(self.driver.exchanges),
            truths=self.truths,
            records=self.seen.records,
            seen_at_s=self.seen.seen_at_s,
            signals=self.seen.signals,
            feedback_sent=self.driver.feedback_sent,
            feedback_problems=self.driver.feedback_problems,
            watched_arm=MAIN_ARM,
        )


@asynccontextmanager
async def _service(settings: Settings) -> AsyncIterator[Service]:
    timeout = aiohttp.ClientTimeout(total=CLIENT_TIMEOUT_S)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
        yield Service(session, _base_url(settings))


def _base_url(settings: Settings) -> str:
    port = settings.endpoints.http_port
    if port == 0:
        path = settings.data_dir / "run" / "serving.ready"
        try:
            port = int(json.loads(path.read_text(encoding="utf-8"))["http_port"])
        except (OSError, ValueError, KeyError) as error:
            raise Unavailable(f"{path}: no serving is ready: {error}") from error
    return f"http://{settings.endpoints.http_host}:{port}"


def _check_faults_enabled(settings: Settings, faults: Sequence[Scheduled]) -> None:
    needing = [fault.name for fault in faults if FAULTS[fault.name].needs_fault_file]
    if needing and not settings.faults_enabled:
        raise BadInput(
            f"{needing[0]} needs a service that obeys faults; accepted: `faults_enabled: true` in "
            "its settings",
            field="--fault",
        )


def _first(group: BaseExceptionGroup[SelfrightError]) -> SelfrightError:
    """The first single error; the others came of the same stop."""
    for error in group.exceptions:
        return _first(error) if isinstance(error, BaseExceptionGroup) else error
    raise AssertionError("an exception group is never empty")
