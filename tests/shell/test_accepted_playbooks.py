"""A restart over a bad playbook goes on with the set that was accepted last."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.errors import BadInput
from controller.language.loading import load_playbooks
from controller.monitors.layers import catalogue_of
from controller.settings import Settings
from controller.shell.accepted_playbooks import FILE, AcceptedPlaybooks
from controller.shell.playbook_watch import PlaybookWatch

GOOD = (Path(__file__).parent.parent.parent / "playbooks" / "slow_primary.yaml").read_text()


def _watch(folder: Path) -> PlaybookWatch:
    settings = Settings()
    accepted = AcceptedPlaybooks(folder / "data")

    def load():
        return load_playbooks(folder / "books", settings, catalogue_of(settings))

    return PlaybookWatch(folder / "books", load, accepted.last, accepted.keep)


@pytest.fixture
def book(tmp_path: Path) -> Path:
    (tmp_path / "books").mkdir()
    path = tmp_path / "books" / "slow.yaml"
    path.write_text(GOOD)
    return path


def test_a_bad_file_at_a_restart_leaves_the_last_good_set(tmp_path: Path, book: Path) -> None:
    before = _watch(tmp_path).playbooks
    book.write_text(GOOD.replace("owner:", "ownr:"))
    again = _watch(tmp_path)
    assert again.playbooks == before
    assert again.refused == 1
    book.write_text(GOOD.replace("recs-oncall", "others"))
    fresh = again.changed()
    assert fresh is not None
    assert fresh[0].owner == "others"


def test_without_an_earlier_life_a_bad_file_is_refused(tmp_path: Path, book: Path) -> None:
    book.write_text("version: 1\n")
    with pytest.raises(BadInput, match="slow.yaml"):
        _watch(tmp_path)


def test_a_damaged_memory_is_no_memory(tmp_path: Path, book: Path) -> None:
    _watch(tmp_path)
    (tmp_path / "data" / FILE).write_text("{")
    book.write_text("version: 1\n")
    with pytest.raises(BadInput):
        _watch(tmp_path)


@pytest.mark.parametrize("left", [None, "notes.txt", "gone"])
def test_an_emptied_folder_is_a_broken_set_and_disarms_nobody(
    left: str | None, tmp_path: Path, book: Path
) -> None:
    running = _watch(tmp_path)
    before = running.playbooks
    book.unlink()
    if left == "gone":
        book.parent.rmdir()
    elif left:
        (book.parent / left).write_text("moved")
    assert running.changed() is None
    assert running.playbooks == before
    assert running.refused == 1
    assert "accepted: a folder" in running.trouble
    assert _watch(tmp_path).playbooks == before, "a restart goes on with it too"
    book.parent.mkdir(exist_ok=True)
    book.write_text(GOOD)
    assert running.changed() is None, "back, and the same as before"
    assert running.trouble == ""


@pytest.mark.parametrize("kept", [False, True])
def test_an_empty_folder_at_the_first_start_is_one_clear_line(tmp_path: Path, kept: bool) -> None:
    (tmp_path / "books").mkdir()
    if kept:  # by a release that took an empty folder
        AcceptedPlaybooks(tmp_path / "data").keep(())
    with pytest.raises(BadInput, match="books: no playbooks in this folder; accepted: "):
        _watch(tmp_path)
