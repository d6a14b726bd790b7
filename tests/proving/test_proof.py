"""A proof passes on the shipped set, and finds what is planted in bad ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from selfright.command import command_for

SHIPPED = Path(__file__).parents[2] / "playbooks"
HEAD = (
    "version: 1\nowner: a\nwhy: planted\nno_data: hold\nguards: {cooldown: 1m, budget: 30 per 1h}\n"
)
DRAIN = "do:\n  - route: {from: primary, to: fallback, share: 100%}\n"
FAILS = "when: arm_bad{arm=primary} > 20% for 5s\n"
TOLD = (
    HEAD
    + "playbook: told\nwhen: arm_bad{arm=fallback} > 20% for 5s\n"
    + "do:\n  - notify: {channel: oncall, message: look}\n"
    + "clear_when: arm_bad{arm=fallback} < 5% for 60s\n"
)


def proof_of(folder: Path, *playbooks: str) -> dict[str, Any]:
    for n, text in enumerate(playbooks):
        (folder / f"book_{n}.yaml").write_text(text)
    outcome = CliRunner().invoke(
        command_for(["playbooks"]), ["playbooks", "prove", str(folder), "--json"]
    )
    assert outcome.exit_code == 1, outcome.output
    document: dict[str, Any] = json.loads(outcome.stdout)
    return document


def broken(document: dict[str, Any], of: str) -> dict[str, Any]:
    (found,) = [each for each in document["counterexamples"] if each["property"] == of]
    return dict(found)


def test_the_shipped_playbooks_have_no_counterexample() -> None:
    outcome = CliRunner().invoke(command_for(["playbooks"]), ["playbooks", "prove", str(SHIPPED)])
    assert outcome.exit_code == 0, outcome.output
    assert "no counterexample among" in outcome.stdout


def test_two_playbooks_that_undo_each_other_are_found(tmp_path: Path) -> None:
    longer = (
        HEAD
        + "playbook: longer\nwhen: cache_hit_rate < 20% for 30s\ndo:\n  - cache_ttl: {ttl: 10m}\n"
        + "clear_when: cache_hit_rate > 40% for 60s\n"
    )
    shorter = (
        HEAD.replace("1h}", "1h, priority: 60}")
        + "playbook: shorter\nwhen: drift.shifted_features{arm=primary} >= 1 for 30s\n"
        + "do:\n  - cache_ttl: {ttl: 5s}\nclear_when: drift.shifted_features{arm=primary} < 1\n"
    )
    found = broken(proof_of(tmp_path, longer, shorter), "ping-pong")
    assert found["of"] == "cache_ttl_s"
    assert found["playbooks"] == ["longer", "shorter"]
    said = [step["said"] for step in found["timeline"]]
    assert said[0].startswith(
        "from now on cache_ttl_s of 600 mends cache_hit_rate and spoils drift"
    )
    assert said[-1].startswith("broken: cache_ttl_s goes back and forth")


def test_an_incident_that_can_never_clear_is_found(tmp_path: Path) -> None:
    dead_end = (
        HEAD + "playbook: dead-end\n" + FAILS + DRAIN
        + "clear_when: arm_rate_per_s{arm=primary} > 10/s for 60s\n"
    )  # fmt: skip
    found = broken(proof_of(tmp_path, dead_end, TOLD), "ends")
    assert found["of"] == "dead-end"
    assert "although nothing is wrong any more" in found["sentence"]


def test_a_return_into_a_dead_arm_is_found(tmp_path: Path) -> None:
    """Its `when` looks at the users as well, who are well as soon as the arm is drained."""
    trusting = (
        HEAD + "playbook: trusting\nwhen: degraded_share > 5% for 5s\n" + DRAIN
        + "clear_when: degraded_share < 1% for 60s\n"
    )  # fmt: skip
    found = broken(proof_of(tmp_path, trusting, TOLD), "return")
    assert found["of"] == "primary"
    assert "traffic is returned into primary, which is dead" in found["sentence"]


def test_a_counterexample_is_saved_as_a_playbook_test_that_shows_it(tmp_path: Path) -> None:
    dead_end = (
        HEAD + "playbook: dead-end\n" + FAILS + DRAIN
        + "clear_when: arm_rate_per_s{arm=primary} > 10/s for 60s\n"
    )  # fmt: skip
    (tmp_path / "dead_end.yaml").write_text(dead_end)
    saved = tmp_path / "saved"
    arguments = ["playbooks", "prove", str(tmp_path), "--save", str(saved)]
    assert CliRunner().invoke(command_for(["playbooks"]), arguments).exit_code == 1
    assert [path.name for path in sorted(saved.iterdir())] == ["dead-arm-1.yaml", "ends-2.yaml"]
    shown = CliRunner().invoke(command_for(["playbooks"]), ["playbooks", "test", str(saved)])
    assert shown.exit_code == 0, shown.output


def test_traffic_that_stays_on_a_dead_arm_untold_is_found(tmp_path: Path) -> None:
    well = (
        HEAD
        + "playbook: well\n"
        + FAILS
        + DRAIN
        + "clear_when: arm_bad{arm=primary} < 5% for 60s\n"
    )
    found = broken(proof_of(tmp_path, well), "dead-arm")
    assert found["of"] == "fallback"


@pytest.mark.parametrize(
    ("text", "said"),
    [("version: 1\n", "book_0.yaml"), (HEAD + "playbook: x\nwhen: nothing > 1\n", "book_0.yaml")],
)
def test_a_set_that_does_not_load_is_refused_in_one_line(
    tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "book_0.yaml").write_text(text)
    outcome = CliRunner().invoke(command_for(["playbooks"]), ["playbooks", "prove", str(tmp_path)])
    assert outcome.exit_code == 2
    assert said in outcome.output
    assert outcome.output.strip().count("\n") == 0
