"""The shipped playbooks pass their own linter, against the signals that really exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from controller.core.playbook import Retrain, Route
from controller.language.action_facts import facts_of
from controller.language.loading import check, load_playbooks, playbook_files
from controller.monitors.layers import catalogue_of
from controller.settings import Settings

FOLDER = Path(__file__).parents[2] / "playbooks"
DEMO = Settings(probe_per_s=20.0, attribution_window_s=10.0)
FOLDERS = {"everyday": (FOLDER, Settings()), "demo": (FOLDER / "demo", DEMO)}


@pytest.mark.parametrize(("folder", "settings"), FOLDERS.values(), ids=FOLDERS.keys())
def test_shipped_playbooks_have_no_findings(folder: Path, settings: Settings) -> None:
    findings = check([folder], settings, catalogue_of(settings))
    assert [finding.one_line() for finding in findings] == []
    assert playbook_files([folder])


def test_what_is_shipped_is_what_the_readme_of_the_language_lists() -> None:
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `([\w/]+\.yaml)` \|", readme, re.MULTILINE)
    shipped = playbook_files([FOLDER, FOLDER / "demo"])
    assert sorted(listed) == sorted(str(path.relative_to(FOLDER)) for path in shipped)


def test_a_playbook_has_the_name_of_its_file() -> None:
    settings = Settings()
    loaded = load_playbooks(FOLDER, settings, catalogue_of(settings))
    files = [path.stem.replace("_", "-") for path in playbook_files([FOLDER])]
    assert [playbook.name for playbook in loaded] == sorted(files)


def test_drift_retrains_and_moves_no_traffic() -> None:
    settings = Settings()
    loaded = load_playbooks(FOLDER, settings, catalogue_of(settings))
    drifting = next(playbook for playbook in loaded if playbook.name == "drifting-inputs")
    actions = [move.action for rung in drifting.rungs for move in rung]
    assert any(isinstance(action, Retrain) and action.then == "evaluate" for action in actions)
    assert not any(facts_of(action).moves_traffic for action in actions)


def test_the_demo_can_heal_within_its_time() -> None:
    (demo,) = load_playbooks(FOLDER / "demo", DEMO, catalogue_of(DEMO))
    route = demo.rungs[0][0].action
    assert isinstance(route, Route)
    assert len(route.returns) * route.every_s <= 15.0
    assert demo.when.for_s + demo.when.quantity.window_s <= 3.0  # type: ignore[union-attr]
