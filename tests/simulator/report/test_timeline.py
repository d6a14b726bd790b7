"""The page and the picture of a run."""

from __future__ import annotations

import re
from dataclasses import replace
from html import escape
from pathlib import Path

import pytest
from matplotlib.text import Text

from controller.errors import BadInput
from simulator.report.evidence import Evidence
from simulator.report.exchanges import Exchanges
from simulator.report.incidents import incidents
from simulator.report.page import as_html
from simulator.report.panels import lanes
from simulator.report.picture import as_png
from simulator.report.story import Story
from simulator.report.timeline import write_story
from simulator.report.windows import Windows


def test_the_page_needs_nothing_else(story: Story) -> None:
    page = as_html(story)
    assert "<script" not in page
    links = re.findall(r'(?:href|src)="([^"]*)"', page)
    assert all(link.startswith("#") for link in links)
    assert not re.search(r"url\((?!#)|@import", page)


def test_the_page_tells_every_decision_truth_and_expectation(story: Story) -> None:
    page = as_html(story)
    for record in story.evidence.decisions:
        assert escape(record["sentence"]) in page
    assert "its replicas wait for a disk" in page
    assert "✓ slow-primary routed" in page
    assert "✗ no recovery" in page
    assert "the shares sum to 0.9" in page
    assert "selfright simulate slow --seed 3" in page
    assert "Failed" in page
    assert "& <after>" not in page, "what a record says is text, never markup"


def test_the_same_run_gives_the_same_bytes(story: Story) -> None:
    assert as_html(story) == as_html(story)
    assert as_png(story) == as_png(story)


def test_a_picture_of_counts_per_minute_is_drawn_too(story: Story) -> None:
    known = story.evidence.exchanges
    assert isinstance(known, Exchanges)
    folded = Windows.of(known, 10.0, story.evidence.started_at_s)
    assert as_png(replace(story, evidence=replace(story.evidence, exchanges=folded)))


def test_a_run_in_which_nothing_happened_is_drawn_too(story: Story) -> None:
    start_s = story.evidence.started_at_s
    empty = Evidence("selfright simulate nothing", start_s, start_s + 60, Exchanges.of([]))
    assert "Nothing was wrong" in as_html(replace(story, evidence=empty))


@pytest.mark.parametrize("name", ["report.pdf", "report", "missing/report.html"])
def test_a_file_that_cannot_be_is_bad_input_and_nothing_is_written(
    story: Story, tmp_path: Path, name: str
) -> None:
    with pytest.raises(BadInput):
        write_story(story, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_both_kinds_of_file_are_written(story: Story, tmp_path: Path) -> None:
    write_story(story, tmp_path / "report.html")
    write_story(story, tmp_path / "report.png")
    assert (tmp_path / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert (tmp_path / "report.png").read_bytes().startswith(b"\x89PNG")


def test_incidents_and_actions_that_find_no_room_are_counted(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts: list[str] = []
    monkeypatch.setattr(Text, "draw", lambda text, *_, **__: texts.append(text.get_text()))
    more = [
        {**record, "id": f"{record['id']}-{n}", "incident": f"i{n}", "playbook": f"other-{n}"}
        for n in range(2, 13)
        for record in story.evidence.records
    ]
    crowded = replace(story.evidence, records=[*story.evidence.records, *more])
    as_png(story)
    assert not [text for text in texts if text.startswith("and ")]
    as_png(replace(story, evidence=crowded))
    assert {"and 4 more incidents", "and 4 more actions"} <= set(texts)


def test_whoever_joined_and_returns_the_traffic_has_a_lane(story: Story) -> None:
    opened = next(r for r in story.evidence.records if r["phase"] == "opened")
    told = [("joined", 0.0), ("returning", 5.0), ("recovered", 9.0)]
    joiner = [
        {**opened, "phase": phase, "at_s": opened["at_s"] + after_s}
        | {"id": f"j-{phase}", "incident": "joiner-1", "playbook": "joiner"}
        for phase, after_s in told
    ]
    seen = replace(story.evidence, records=[*story.evidence.records, *joiner])
    (lane,) = [found for name, found in lanes(seen) if name == "joiner"]
    assert [phase for _, phase in lane[0].life] == ["holding", "returning", "recovered"]
    assert [each.playbook for each in incidents(seen)].count("joiner") == 0, "it opened nothing"
