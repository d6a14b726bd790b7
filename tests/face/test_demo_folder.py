"""The demo empties only what an earlier demo made."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from controller.errors import BadInput
from controller.settings import Settings
from selfright.demo import MARK, run_demo
from selfright.running_stack import find_settings, write_run_settings
from simulator.live.progress import Silent


def _refused(folder: Path) -> str:
    with pytest.raises(BadInput) as refused:
        run_demo(folder, ratings=None, seed=1, progress=Silent())
    return str(refused.value)


def test_a_folder_with_anything_else_in_it_is_left_alone(tmp_path: Path) -> None:
    thesis = tmp_path / "thesis.txt"
    thesis.write_text("years of work")
    assert "no demo made" in _refused(tmp_path)
    assert thesis.read_text() == "years of work"


def test_a_demo_that_still_runs_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / MARK).touch()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "processes.json").write_text(json.dumps({"redis": os.getpid()}))
    assert "still runs" in _refused(tmp_path)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    assert "is not a folder" in _refused(tmp_path / "f")


def test_a_copied_data_folder_is_looked_at_itself(tmp_path: Path) -> None:
    original, copy = tmp_path / "original", tmp_path / "copy"
    write_run_settings(Settings(data_dir=original))
    original.rename(copy)
    assert find_settings(None, copy).data_dir == copy
