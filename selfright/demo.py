"""`selfright demo`: a fresh stack, users, one real fault, and the story of how it healed.

It starts the same `selfright up` that a user starts, in a folder of its own, and drives it with
the same live simulation; nothing in here is a shortcut past either.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from controller.errors import BadInput, Unavailable
from controller.settings import Endpoints, Settings
from selfright.running_stack import find_settings, processes
from selfright.stack.child_process import ChildProcess
from simulator.live.progress import Progress
from simulator.live.run import Run, run
from simulator.live.schedule import Scheduled
from simulator.report.report import Report
from simulator.scenario.loading import scenario_from_file
from simulator.scenario.model import Scenario
from simulator.scenario.shipped import shipped

START_CAP_S = 240.0
MARK = "made-by-selfright-demo"
_LOOK_EVERY_S = 0.2
_READY = "ready: "


def demo_scenario() -> Scenario:
    """The story, the same file that `selfright simulate demo` runs in virtual time."""
    return scenario_from_file(shipped()["demo"])


def demo_settings(data_dir: Path) -> Settings:
    """The story's pace, with real ports and faults that are obeyed."""
    return demo_scenario().settings.model_copy(
        update={
            "data_dir": data_dir,
            "faults_enabled": True,
            "endpoints": Endpoints(http_port=0, metrics_port=0),
        }
    )


def run_demo(data_dir: Path, *, ratings: Path | None, seed: int, progress: Progress) -> Report:
    """Run the whole story and leave nothing running.

    Raises BadInput for a malformed ratings file or a folder that is not a demo's, and Unavailable
    when the stack does not start.
    """
    _empty(data_dir)
    settings = demo_settings(data_dir.resolve())
    settings_file = data_dir / "selfright.yaml"
    settings_file.write_text(settings.model_dump_json(indent=2), encoding="utf-8")
    story = demo_scenario()
    what = Run(
        ratings=ratings,
        rate_per_s=story.world.traffic.rate_per_s,
        duration_s=story.duration_s,
        faults=tuple(Scheduled(fault.name, fault.at_s, fault.for_s) for fault in story.faults),
        seed=seed,
        population_seed=seed,
    )
    with _stack(settings_file, data_dir, ratings, seed, progress.say):
        return run(find_settings(None, data_dir), what, progress)


def _empty(data_dir: Path) -> None:
    """Make room for a new story; only a folder that an earlier demo marked is ever emptied."""
    if data_dir.exists() and not data_dir.is_dir():
        raise BadInput(f"{data_dir} is not a folder", field="--data-dir")
    if data_dir.exists() and any(data_dir.iterdir()):
        if not (data_dir / MARK).exists():
            raise BadInput(
                f"{data_dir} holds something that no demo made; accepted: a new or empty folder, "
                "or one of an earlier demo",
                field="--data-dir",
            )
        if processes(data_dir):
            raise BadInput(f"a stack still runs in {data_dir}; stop it first", field="--data-dir")
        shutil.rmtree(data_dir)
    data_dir.mkdir(parents=True, exist_ok=True)
    (data_dir / MARK).write_text("Emptied by the next `selfright demo`.\n", encoding="utf-8")


@contextmanager
def _stack(
    settings_file: Path, data_dir: Path, ratings: Path | None, seed: int, say: Callable[[str], None]
) -> Iterator[None]:
    command = [sys.executable, "-P", "-m", "selfright", "up", "--settings", str(settings_file)]
    command += ["--seed", str(seed)]
    if ratings is not None:
        command += ["--ratings", str(ratings)]
    # A pipe's reader would die with us before the children do; a file outlives both.
    child = ChildProcess(
        "up", command, data_dir / "logs" / "up.log", environment={**os.environ, "NO_COLOR": "1"}
    )
    child.start()
    echo = _Echo(child.log_file, say)
    try:
        _wait_until_ready(child, echo)
        with echo.going_on():
            yield
    finally:
        say("stopping the stack")
        child.stop(cap_s=60.0)


def _wait_until_ready(child: ChildProcess, echo: _Echo) -> None:
    give_up_at_s = time.monotonic() + START_CAP_S
    while not echo.once():
        if not child.is_running():
            echo.once()
            raise Unavailable(f"the stack did not start (exit status {child.exit_code})")
        if time.monotonic() > give_up_at_s:
            raise Unavailable(f"the stack was not ready after {START_CAP_S:g} s")
        time.sleep(_LOOK_EVERY_S)


class _Echo:
    """Passes on what the stack says, line by line."""

    def __init__(self, log_file: Path, say: Callable[[str], None]) -> None:
        self._log_file = log_file
        self._say = say
        self._offset = 0
        self._stopping = threading.Event()

    def once(self) -> bool:
        """Pass on new whole lines; True when one of them says that the stack is ready."""
        with self._log_file.open("rb") as stream:
            stream.seek(self._offset)
            text = stream.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._offset += len(whole)
        lines = [_without_clock(line) for line in whole.decode(errors="replace").splitlines()]
        for line in lines:
            self._say(line)
        return any(line.startswith(_READY) for line in lines)

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Pass lines on from a thread of its own while the block runs."""
        thread = threading.Thread(target=self._follow, name="echo", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            thread.join()

    def _follow(self) -> None:
        while not self._stopping.wait(_LOOK_EVERY_S):
            self.once()


def _without_clock(line: str) -> str:
    """The stack prints the wall time before each line, and so does whoever we pass it to."""
    head, _, rest = line.partition(" ")
    return rest if head.count(":") == 2 else line
