"""The tests that are shipped with the playbooks pass, and show what they should show."""

from __future__ import annotations

from pathlib import Path

import pytest

import playbooks
from controller.core.playbook import Autonomy
from controller.rehearsal.golden import golden_name, golden_text
from controller.rehearsal.loading import LoadedFile, load_tests
from controller.rehearsal.verdict import rehearse
from controller.settings import Settings

TESTS = Path(playbooks.__file__).parent / "tests"
FILES = load_tests([TESTS], Settings())


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.path.stem)
def test_the_shipped_playbook_does_what_its_tests_say(file: LoadedFile) -> None:
    verdicts = [rehearse(test.rehearsal, test.service) for test in file.tests]
    assert [verdict.difference for verdict in verdicts if not verdict.passed] == []
    golden = TESTS / golden_name(file.path.stem)
    if golden.exists():  # `selfright playbooks test playbooks/tests --update` writes it anew
        assert golden_text(verdicts) == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.path.stem)
def test_it_is_shown_acting_ending_quiet_and_held_back(file: LoadedFile) -> None:
    expected = [test.rehearsal.expect for test in file.tests]
    phases = {each.phase for expect in expected for each in expect}
    in_shadow = all(
        each.guards.autonomy is Autonomy.SHADOW
        for test in file.tests
        for each in test.service.playbooks
    )
    assert {"shadowed" if in_shadow else "acting", "blocked"} <= phases
    assert {"recovered", "returning"} & phases
    assert () in expected
