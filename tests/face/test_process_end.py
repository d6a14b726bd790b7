"""A full output and SIGTERM end every command in the way that shells expect."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from selfright.process_end import TERMINATED, ended_by_signal

FULL = Path("/dev/full")
PLAYBOOKS = str(Path(__file__).parents[2] / "playbooks")
SELFRIGHT = [sys.executable, "-m", "selfright"]


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize(
    "words",
    [
        ["signals", "--json"],
        ["signals"],
        ["simulate", "--list"],
        ["playbooks", "check", PLAYBOOKS],
        ["playbooks", "schema"],
        ["--help"],
    ],
    ids=" ".join,
)
def test_an_output_that_is_full_is_one_line(words: list[str], tmp_path: Path) -> None:
    with FULL.open("w") as full:
        ended = subprocess.run(
            [*SELFRIGHT, *words], stdout=full, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )  # fmt: skip
    assert ended.returncode == 1, ended.stderr
    assert ended.stderr.endswith("not all could be written: No space left on device\n")
    assert "Traceback" not in ended.stderr


def test_sigterm_to_a_simulation_is_143(tmp_path: Path) -> None:
    words = [*SELFRIGHT, "simulate", "slow-primary"]
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path, env=environ
    ) as running:
        assert running.stderr is not None
        assert running.stderr.read(1), "it never said that it runs"
        running.send_signal(signal.SIGTERM)
        _, said = running.communicate()
    assert running.returncode == TERMINATED == 143
    assert b"Traceback" not in said


@pytest.fixture
def _ctrl_c_is_heard() -> Iterator[None]:
    """A shell starts what runs in the background deaf to it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@ended_by_signal()
def _end_well_on_ctrl_c() -> None:
    try:
        signal.raise_signal(signal.SIGTERM)
    except KeyboardInterrupt:
        sys.exit(0)


def test_a_process_in_the_background_hears_sigterm_though_it_is_deaf_to_ctrl_c() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with pytest.raises(SystemExit) as ended:
            _end_well_on_ctrl_c()
    finally:
        signal.signal(signal.SIGINT, before)
    assert ended.value.code == 143


@pytest.mark.usefixtures("_ctrl_c_is_heard")
def test_what_catches_ctrl_c_and_ends_well_was_still_terminated() -> None:
    with pytest.raises(SystemExit) as ended:
        _end_well_on_ctrl_c()
    assert ended.value.code == 143


@pytest.mark.usefixtures("_ctrl_c_is_heard")
def test_ctrl_c_stays_what_it_is_and_the_old_handler_comes_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), ended_by_signal():
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGTERM) is before
