"""The README names every key of a test, and its example is true."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import playbooks
from controller.rehearsal.document import FILE_KEYS, VERBS
from controller.rehearsal.expect_document import EXPECT_KEYS, OUTCOMES, PLAN_KEYS
from controller.rehearsal.loading import load_tests
from controller.rehearsal.series_document import NOISE_KEYS, SPAN_KEYS
from controller.rehearsal.verdict import rehearse
from controller.settings import Settings


def test_the_readme_names_every_key() -> None:
    readme = (Path(playbooks.__file__).parent / "README.md").read_text(encoding="utf-8")
    section = readme.split("## Test a playbook")[1].split("\n## ")[0]
    keys = {*FILE_KEYS, *SPAN_KEYS, *NOISE_KEYS, *EXPECT_KEYS, *PLAN_KEYS, *OUTCOMES, *VERBS}
    named = set(re.findall(r"\w+", section))
    assert {word for key in keys for word in key.split()} - named == set()


def test_the_readme_s_example_passes(rehearsing: Any) -> None:
    shipped = Path(playbooks.__file__).parent
    readme = (shipped / "README.md").read_text(encoding="utf-8")
    example = readme.split("## Test a playbook")[1].split("```yaml\n")[1].split("```")[0]
    path = rehearsing.folder / "example.yaml"
    path.write_text(example.replace("..", str(shipped)))
    (file,) = load_tests([path], Settings())
    assert rehearse(file.tests[0].rehearsal, file.tests[0].service).difference == ""
