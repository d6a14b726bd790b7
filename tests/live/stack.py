"""A whole local stack as a user starts it, in a folder of its own, and ways to look at it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.settings import Settings
from selfright.running_stack import find_settings, processes

ROOT = Path(__file__).parent.parent.parent
COMMAND = str(Path(sys.executable).parent / "selfright")
START_CAP_S = 240.0
SETTINGS = """\
version: 1
service: recommender
faults_enabled: true
attribution_window_s: 3
probe_per_s: 20
cache_ttl_s: 1
control_share: 0.1
endpoints: {http_port: 0, metrics_port: 0}
"""


def eventually(condition: Callable[[], Any], what: str, cap_s: float = 90.0) -> Any:
    """The condition's first true value; a generous cap, and no more time than it takes."""
    give_up_s = time.monotonic() + cap_s
    while not (found := condition()):
        assert time.monotonic() < give_up_s, f"never happened: {what}"
        time.sleep(0.2)
    return found


@dataclass
class LiveStack:
    """A running stack. ``folder`` is where its commands are typed."""

    folder: Path
    up: subprocess.Popen[bytes]

    @property
    def data_dir(self) -> Path:
        return self.folder / ".selfright"

    @property
    def settings(self) -> Settings:
        return find_settings(None, self.data_dir)

    def said(self) -> str:
        return (self.folder / "up.log").read_text(encoding="utf-8")

    def log(self, child: str) -> str:
        return (self.data_dir / "logs" / f"{child}.log").read_text(encoding="utf-8")

    def run(self, *words: str, cap_s: float = 120.0) -> subprocess.CompletedProcess[str]:
        """A `selfright` command in the stack's folder."""
        return subprocess.run(
            [COMMAND, *words],
            cwd=self.folder,
            env=_environment(),
            capture_output=True,
            text=True,
            timeout=cap_s,
            check=False,
        )

    def must(self, *words: str, cap_s: float = 120.0) -> str:
        """A command that has to succeed; what it printed."""
        done = self.run(*words, cap_s=cap_s)
        assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, Any]:
        """Status and JSON of one request."""
        ends = self.settings.endpoints
        request = urllib.request.Request(
            f"http://{ends.http_host}:{ends.http_port}{path}", data=body, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return response.status, json.loads(response.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def recommend(self, user_id: str = "ada") -> dict[str, Any]:
        status, answer = self.ask("POST", "/recommend", json.dumps({"user_id": user_id}).encode())
        assert status == 200, answer
        return dict(answer)

    def simulate(self, *words: str, cap_s: float = 240.0) -> dict[str, Any]:
        """Users for a while; the report, whether healed or not."""
        done = self.run("simulate", "--live", "--json", *words, cap_s=cap_s)
        assert done.returncode in (0, 1), done.stderr
        return dict(json.loads(done.stdout))

    def records(self) -> list[dict[str, Any]]:
        path = self.data_dir / "decisions" / "records.jsonl"
        lines = path.read_bytes().splitlines() if path.exists() else []
        return [json.loads(line) for line in lines]

    def plan(self) -> dict[str, Any]:
        status = json.loads(self.must("status", "--json"))
        return dict(status["plan"])

    def pid(self, child: str) -> int:
        return int(eventually(lambda: processes(self.data_dir).get(child), f"{child} runs"))

    def kill(self, child: str) -> None:
        """SIGKILL; returns when the supervisor has another one running."""
        old = self.pid(child)
        os.kill(old, signal.SIGKILL)
        eventually(lambda: processes(self.data_dir).get(child, old) != old, f"{child} runs again")

    def loop_works(self) -> None:
        """A person's command goes over the bus to the judge, into the log, into the plan, to the
        routers, and their word of it comes back as telemetry."""
        before = len(self.records())
        self.must("freeze", "promotions", "--for", "1h", "--wait", "90", cap_s=150.0)
        self.must("thaw", "promotions", "--wait", "90", cap_s=150.0)
        assert len(self.records()) > before
        eventually(self._adopted, "routers hold the newest plan")

    def _adopted(self) -> bool:
        readings = json.loads((self.data_dir / "run" / "readings.json").read_text())
        held = {
            reading["signal"]: reading["value"]
            for reading in readings["readings"]
            if reading["state"] == "ok"
        }
        newest = self.records()[-1]
        return (held.get("plan.adopted_epoch"), held.get("plan.adopted_revision")) == (
            newest["epoch"],
            newest["revision"],
        )


@contextmanager
def live_stack(folder: Path) -> Iterator[LiveStack]:
    """`selfright up` in ``folder``, with the shipped playbooks; ended whatever happens."""
    shutil.copytree(
        ROOT / "playbooks", folder / "playbooks", ignore=shutil.ignore_patterns("*.py*", "__*")
    )
    # Load comes in bursts here, and silence between them is not what these tests are about.
    (folder / "playbooks" / "silent_outcomes.yaml").unlink()
    (folder / "selfright.yaml").write_text(SETTINGS, encoding="utf-8")
    with (folder / "up.log").open("wb") as log:
        up = subprocess.Popen(
            [COMMAND, "up", "--settings", "selfright.yaml"],
            cwd=folder,
            env=_environment(),
            stdout=log,
            stderr=log,
        )
    stack = LiveStack(folder, up)
    try:
        eventually(lambda: _is_ready(stack), "the stack is ready", START_CAP_S)
        yield stack
    finally:
        up.terminate()
        up.wait(timeout=90)


def _is_ready(stack: LiveStack) -> bool:
    assert stack.up.poll() is None, stack.said()
    return "ready: POST" in stack.said()


def _environment() -> dict[str, str]:
    return {**os.environ, "NO_COLOR": "1", "COLUMNS": "120"}
