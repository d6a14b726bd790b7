"""A controller that runs and judges nothing is restarted, with the reason said."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from controller.shell.readings_file import FILE
from selfright.controller_silence import SILENT_S, ControllerSilence


@pytest.fixture
def silence(tmp_path: Path) -> ControllerSilence:
    return ControllerSilence(tmp_path, now_s=1_000.0)


def _written(folder: Path, at_s: float) -> None:
    path = folder / FILE
    path.parent.mkdir(exist_ok=True)
    path.write_text("{}")
    os.utime(path, (at_s, at_s))


def test_a_controller_that_writes_is_left_alone(silence: ControllerSilence, tmp_path: Path) -> None:
    _written(tmp_path, 1_100.0)
    assert silence.due(1_100.0 + SILENT_S - 1) == ""


def test_one_that_stopped_writing_is_named_once(silence: ControllerSilence, tmp_path: Path) -> None:
    _written(tmp_path, 1_100.0)
    assert silence.due(1_100.0 + SILENT_S) == "it runs, but has judged nothing for 20 s"
    assert silence.due(1_101.0 + SILENT_S) == ""


def test_one_that_never_wrote_is_silent_since_the_start(silence: ControllerSilence) -> None:
    assert silence.due(1_000.0 + SILENT_S - 1) == ""
    assert silence.due(1_000.0 + SILENT_S) != ""
