"""Changed playbooks are taken when they are good; a bad set leaves the old one in force."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import pytest

from controller.core.playbook import Playbook
from controller.errors import BadInput
from controller.shell.playbook_watch import PlaybookWatch


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "one.yaml").write_text("good 1")
    return tmp_path


def reader(folder: Path) -> Any:
    """Each file is a playbook named by its text; ``bad`` in it is bad input."""

    def load() -> tuple[Playbook, ...]:
        found = []
        for path in sorted(folder.glob("*.yaml")):
            text = path.read_text()
            if "bad" in text:
                raise BadInput("is bad", file=str(path), line=3)
            empty: Any = None
            found.append(
                Playbook(text, "o", "w", empty, empty, (), empty, empty, text, sha256=text)
            )
        return tuple(found)

    return load


def rewrite(path: Path, text: str) -> None:
    before = path.stat().st_mtime_ns
    path.write_text(text)
    os.utime(path, ns=(before + 1_000_000, before + 1_000_000))


def names(watch: PlaybookWatch) -> list[str]:
    return [playbook.name for playbook in watch.playbooks]


def test_nothing_changed_is_no_new_set(folder: Path) -> None:
    watch = PlaybookWatch(folder, reader(folder))
    assert watch.changed() is None


def test_a_good_change_is_loaded_once(folder: Path) -> None:
    watch = PlaybookWatch(folder, reader(folder))
    rewrite(folder / "one.yaml", "good 2")
    fresh = watch.changed()
    assert fresh is not None
    assert [playbook.name for playbook in fresh] == names(watch) == ["good 2"]
    assert watch.changed() is None


def test_a_bad_set_is_refused_in_one_line_and_the_old_one_stays(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    watch = PlaybookWatch(folder, reader(folder))
    rewrite(folder / "one.yaml", "bad")
    with caplog.at_level(logging.ERROR):
        assert watch.changed() is None
        assert watch.changed() is None
    (line,) = caplog.messages
    assert "the old set stays" in line
    assert "one.yaml:3: is bad" in line
    assert names(watch) == ["good 1"]
    assert watch.refused == 1
    assert watch.trouble.endswith("one.yaml:3: is bad")
    rewrite(folder / "one.yaml", "good 1")
    assert watch.changed() is None, "mended, and the same as before"
    assert watch.trouble == ""


def test_added_and_removed_files_count_as_changes(folder: Path) -> None:
    watch = PlaybookWatch(folder, reader(folder))
    (folder / "two.yaml").write_text("good 2")
    assert watch.changed() is not None
    assert names(watch) == ["good 1", "good 2"]
    (folder / "one.yaml").unlink()
    assert watch.changed() is not None
    assert names(watch) == ["good 2"]


def test_asking_re_reads_files_that_do_not_look_changed(folder: Path) -> None:
    watch = PlaybookWatch(folder, reader(folder))
    path = folder / "one.yaml"
    before = path.stat()
    path.write_text("good 9")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert watch.changed() is None
    watch.ask()
    assert watch.changed() is not None
    assert names(watch) == ["good 9"]


def test_a_bad_set_at_the_start_is_bad_input(folder: Path) -> None:
    (folder / "one.yaml").write_text("bad")
    with pytest.raises(BadInput, match="is bad"):
        PlaybookWatch(folder, reader(folder))
