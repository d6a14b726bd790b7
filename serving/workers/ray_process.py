"""Runs one retraining order on Ray through a process of its own, and waits for its last line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import serving
from controller.settings import Settings
from serving.workers.results import Done, Failed, Refused, Result, Stopping
from serving.workers.retrain import RetrainOrder

CPUS = 1.0
"""Of the cluster, per training task."""
TIME_LIMIT_S = 3_600.0
ASK_EVERY_S = 0.2
STOP_WAIT_S = 5.0
JOB_MODULE = "serving.workers.ray_job"


class RayProcess:
    """A `serving.workers.retrain.Fulfil`. ``address`` is asked at each order; None: no Ray."""

    def __init__(
        self,
        address: Callable[[], str | None],
        *,
        cpus: float = CPUS,
        time_limit_s: float = TIME_LIMIT_S,
        module: str = JOB_MODULE,
    ) -> None:
        self._address = address
        self._cpus = cpus
        self._time_limit_s = time_limit_s
        self._module = module

    def __call__(self, order: RetrainOrder, stopping: Stopping) -> Result:
        address = self._address()
        if address is None:
            return Failed("Ray is not there yet")
        request = json.dumps({"order": order.to_text(), "address": address, "cpus": self._cpus})
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as log:
            process = subprocess.Popen(
                [sys.executable, "-m", self._module],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=log,
                env=_environment(),
            )
            try:
                _hand_over(process, request)
                reason = self._wait(process, stopping)
            finally:
                _end(process)
            if reason is not None:
                return Failed(reason)
            return _result(process.returncode, _tail(out), _tail(log))

    def _wait(self, process: subprocess.Popen[bytes], stopping: Stopping) -> str | None:
        """None when it ended by itself, else why we no longer wait."""
        deadline_s = time.monotonic() + self._time_limit_s
        while process.poll() is None:
            if stopping():
                return "stopped before it was done"
            if time.monotonic() > deadline_s:
                return f"not done within {self._time_limit_s:.0f} s"
            time.sleep(ASK_EVERY_S)
        return None


def ray_address(settings: Settings) -> str | None:
    """Where the serving host says its Ray is, else the one of the settings, else None."""
    try:
        ready = json.loads((settings.data_dir / "run" / "serving.ready").read_bytes())
        address = ready.get("ray_address") if isinstance(ready, dict) else None
    except (FileNotFoundError, ValueError):
        address = None
    return str(address) if address else settings.endpoints.ray or None


def result_from_document(document: Mapping[str, Any]) -> Result:
    """The inverse of `serving.workers.ray_job.result_to_document`. Raise KeyError on another."""
    match document["end"]:
        case "done":
            return Done(document["detail"], document["version"])
        case "refused":
            return Refused(document["detail"])
        case "failed":
            return Failed(document["detail"], document["again"])
    raise KeyError(document["end"])


def _result(code: int | None, out: str, log: str) -> Result:
    try:
        return result_from_document(json.loads(out.strip().splitlines()[-1]))
    except (IndexError, ValueError, KeyError, TypeError):
        last = (log.strip().splitlines() or ["no output"])[-1]
        return Failed(f"the training process ended with code {code}: {last[:300]}")


def _environment() -> dict[str, str]:
    """Ours, and the folder of our packages, so that the child finds the same code."""
    root = str(Path(serving.__file__).parent.parent)
    path = os.environ.get("PYTHONPATH")
    return dict(os.environ) | {"PYTHONPATH": os.pathsep.join([root, path] if path else [root])}


def _hand_over(process: subprocess.Popen[bytes], request: str) -> None:
    assert process.stdin is not None
    try:
        with process.stdin as stdin:
            stdin.write(request.encode())
    except BrokenPipeError:
        return  # it ended already; its exit code says so


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_WAIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


def _tail(file: Any) -> str:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 20_000))
    return str(file.read().decode(errors="replace"))
