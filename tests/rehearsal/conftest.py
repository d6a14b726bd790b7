"""One slow playbook of a few lines, and tests of it made of parts."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.errors import BadInput
from controller.rehearsal.loading import LoadedTest, load_tests
from controller.rehearsal.verdict import Verdict, rehearse
from controller.settings import Settings

PLAYBOOK = """\
version: 1
playbook: slow
owner: oncall
why: It is slow.
when: arm_latency_ms.p95{arm=primary} > 150ms for 2s
no_data: hold
do:
  - route: {from: primary, to: fallback, share: 100%, return: {stages: [100%], every: 5s}}
    expect: degraded_share < 5% within 10s
    else: next
otherwise:
  - - retrain: {arm: primary, data: last 1h, then: evaluate}
clear_when: arm_latency_ms.p95{arm=primary}[30s] < 90ms for 3s
guards: {cooldown: 1m, budget: 9 per 1h}
"""
PARTS = {
    "version": "1",
    "test": "it is slow for a while",
    "playbooks": "[slow.yaml]",
    "series": """
  arm_latency_ms.p95{arm=primary}:
    [{until: 10s, value: 80ms}, {until: 30s, value: 250ms}, {value: 80ms}]
  degraded_share: [{until: 10s, value: 0%}, {until: 14s, value: 40%}, {value: 0%}]""",
    "expect": """
  - {at: 12s, phase: opened}
  - {at: 12s, phase: acting, plan: {route: {primary: 0%}}, sentence: /routes 100 % of primary/}
  - {within: [13s, 15s], phase: verifying}
  - {by: 20s, phase: holding, outcome: passed}
  - {at: 33s, phase: returning}
  - {at: 38s, phase: recovered}""",
    "ends_at": "60s",
}


class Rehearsing:
    """Tests made of ``PARTS`` with some top-level keys replaced, added or left out (None)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "slow.yaml").write_text(PLAYBOOK)

    def write(self, name: str = "test.yaml", **parts: str | None) -> Path:
        merged = {**PARTS, **parts}
        text = "".join(f"{key}: {value}\n" for key, value in merged.items() if value is not None)
        path = self.folder / name
        path.write_text(text)
        return path

    def load(self, **parts: str | None) -> LoadedTest:
        (file,) = load_tests([self.write(**parts)], Settings())
        return file.tests[0]

    def verdict(self, **parts: str | None) -> Verdict:
        loaded = self.load(**parts)
        return rehearse(loaded.rehearsal, loaded.service)

    def error(self, **parts: str | None) -> str:
        """The one line of what is wrong, without the folder."""
        with pytest.raises(BadInput) as caught:
            self.load(**parts)
        return str(caught.value).replace(f"{self.folder}/", "")


@pytest.fixture
def rehearsing(tmp_path: Path) -> Rehearsing:
    return Rehearsing(tmp_path)
