"""Noise around a threshold moves no traffic to and fro, and a real fault after it is still met."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.judge_noise import live_through_noise
from controller.language.loading import playbook_from_file
from controller.monitors.layers import catalogue_of
from controller.settings import Settings

SLOW_PRIMARY = Path(__file__).parents[2] / "playbooks" / "slow_primary.yaml"


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_at_most_one_flip_an_hour_where_a_naive_rule_gives_dozens(
    seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings()
    book = playbook_from_file(SLOW_PRIMARY, settings, catalogue_of(settings))
    found = live_through_noise(book, settings, hours=6, seed=seed)
    with capsys.disabled():
        print(f"\nflips an hour: {found.ours_per_h:.2f}, naive {found.naive_per_h:.0f}")
    assert found.ours_per_h <= 1.0
    assert found.naive_per_h > 60.0
    assert found.healed
