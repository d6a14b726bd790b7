"""The ranking of an explained record is a table in a terminal."""

from __future__ import annotations

from rich.console import Console

from controller.core.causes import Cause
from controller.core.facts import Explained
from controller.core.records import record_to_document
from selfright.record_view import record_panel
from tests.core.worlds import World, playbook


def test_causes_are_shown_in_order_with_what_they_explain() -> None:
    world = World(playbook())
    world.until("acting", p95=412)
    causes = (
        Cause("segment", "platform=ios", 0.83, 120, "bad answers of platform=ios went up"),
        Cause("change", "deploy 7 by ci", None, 0, "change deploy 7 by ci, 40 s before"),
    )
    world.feed(Explained(world._next(), world.at_s, world.incident.id, "system", causes))
    world.tick()
    record = next(each for each in world.records if each.phase == "explained")
    document = {**record_to_document(record), "hash": "ab", "prev_hash": "cd"}
    console = Console(width=200)
    with console.capture() as capture:
        console.print(record_panel(document))
    lines = capture.get().splitlines()
    first = next(line for line in lines if "segment platform=ios" in line)
    second = next(line for line in lines if "deploy 7 by ci, 40 s before" in line)
    assert "83%" in first
    assert "120" in first
    assert lines.index(first) < lines.index(second)
    assert any("verdict" in line and "system" in line for line in lines)
