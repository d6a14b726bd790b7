"""The real processes of a running stack: found, killed, frozen and thawed. Only this stack's."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import psutil

from controller.errors import Unavailable

BACK_CAP_S = 60.0
"""The supervisor's back-off may take half of this."""
LOOK_EVERY_S = 0.2


def stack_processes(data_dir: Path) -> dict[str, int]:
    """Name to pid as the supervisor wrote them. Raise Unavailable when it wrote nothing."""
    path = data_dir / "run" / "processes.json"
    try:
        found: dict[str, int] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Unavailable(f"{path}: no list of the stack's processes: {error}") from error
    return found


def named(data_dir: Path, name: str) -> psutil.Process:
    """One child of the stack. Raise Unavailable when it is not ours or not there now."""
    pid = stack_processes(data_dir).get(name)
    if pid is None or not psutil.pid_exists(pid):
        raise Unavailable(
            f"{name} does not run in this stack (an existing one is used, or it died)"
        )
    return psutil.Process(pid)


def family(process: psutil.Process) -> list[psutil.Process]:
    """A child and what it started, the child last: a wrapper may run the server beneath it."""
    try:
        return [*process.children(recursive=True), process]
    except psutil.NoSuchProcess:
        return [process]


def descendants(processes: dict[str, int]) -> list[psutil.Process]:
    """All processes below the stack's children, Ray's included."""
    found: dict[int, psutil.Process] = {}
    for pid in processes.values():
        if psutil.pid_exists(pid):
            found.update({each.pid: each for each in family(psutil.Process(pid))})
    return list(found.values())


def kill(process: psutil.Process) -> None:
    """SIGKILL; one that is gone already is as good."""
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return


def freeze(process: psutil.Process) -> None:
    """SIGSTOP. Raise Unavailable when it is gone."""
    try:
        process.suspend()
    except psutil.NoSuchProcess as error:
        raise Unavailable(f"process {process.pid} is gone") from error


def thaw(process: psutil.Process) -> None:
    """SIGCONT; one that is gone needs none."""
    try:
        process.resume()
    except psutil.NoSuchProcess:
        return


async def replaced(data_dir: Path, name: str, old_pid: int) -> None:
    """Wait until the supervisor runs another process. Raise Unavailable after BACK_CAP_S."""
    loop = asyncio.get_running_loop()
    over = loop.time() + BACK_CAP_S
    while loop.time() < over:
        pid = stack_processes(data_dir).get(name)
        if pid not in (None, old_pid) and psutil.pid_exists(pid):
            return
        await asyncio.sleep(LOOK_EVERY_S)
    raise Unavailable(f"{name} was not started again within {BACK_CAP_S:g} s of its death")
