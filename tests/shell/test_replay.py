"""Journals give the decision log back, byte for byte, or say what they cannot account for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from controller.adapters.dry_run_store import DryRunStore
from controller.shell.journal import segment_paths
from controller.shell.replay import compare, replay
from controller.shell.segment import Segment, read_segment
from controller.shell.what_if import what_if

World = Any


def segments(world: World, *names: str) -> list[Segment]:
    folders = [world.folder / name / "journal" for name in names]
    return [read_segment(path) for path in segment_paths(folders)]


def test_the_log_is_derived_byte_for_byte(world: World) -> None:
    shell = world.controller()
    world.run(shell, until_s=30)
    shell.close()
    derived = replay(segments(world, "a"))
    assert list(derived.lines) == world.log()
    assert derived.uncertain == ()


def test_two_controllers_journals_together_give_the_whole_log(world: World) -> None:
    first = world.controller("one", "a")
    world.run(first, until_s=8)
    second = world.controller("two", "b")
    world.run(second, until_s=40)
    both = compare(replay(segments(world, "a", "b")), world.log())
    assert (both.differences, both.missing_epochs, both.equal) == ((), (), len(world.log()))


def test_a_missing_journal_is_named_by_its_epochs(world: World) -> None:
    first = world.controller("one", "a")
    world.run(first, until_s=8)
    epoch = world.plan()["epoch"]
    first.close()
    second = world.controller("two", "b")
    world.run(second, until_s=14)
    second.close()
    comparison = compare(replay(segments(world, "b")), world.log())
    assert comparison.missing_epochs == (epoch,)
    assert comparison.differences == ()


def test_a_commit_whose_reply_was_lost_counts_because_the_next_election_names_it(
    world: World,
) -> None:
    shell = world.controller()
    world.run(shell, until_s=6)
    world.store.lose_next_reply = True
    world.run(shell, until_s=40)
    shell.close()
    assert list(replay(segments(world, "a")).lines) == world.log()


def test_a_commit_that_was_never_taken_does_not_count(world: World) -> None:
    shell = world.controller()
    world.run(shell, until_s=6)

    commit = world.store.commit
    world.store.commit = lambda _: "unreachable"
    world.run(shell, until_s=8)
    world.store.commit = commit
    world.run(shell, until_s=46)
    shell.close()
    derived = replay(segments(world, "a"))
    assert list(derived.lines) == world.log()


def test_a_fate_nobody_wrote_down_is_settled_by_the_log(world: World) -> None:
    shell = world.controller()
    world.run(shell, until_s=8)
    shell.close()
    (segment,) = segments(world, "a")
    last = max(n for n, row in enumerate(segment.rows) if row.kind == "Fate")
    cut = replace(segment, rows=segment.rows[:last])
    derived = replay([cut])
    assert len(derived.uncertain) >= 1
    settled = compare(derived, world.log())
    assert settled.differences == ()


def test_a_record_changed_in_the_log_is_named(world: World) -> None:
    shell = world.controller()
    world.run(shell, until_s=12)
    shell.close()
    log = world.log()
    log[2] = log[2].replace(b"fallback", b"fellback")
    (difference,) = compare(replay(segments(world, "a")), log).differences
    assert difference.kind == "differs"
    assert difference.record.encode() in log[2]


def test_a_record_missing_from_the_log_is_named(world: World) -> None:
    shell = world.controller()
    world.run(shell, until_s=12)
    shell.close()
    log = world.log()
    (difference,) = compare(replay(segments(world, "a")), log[:-1]).differences
    assert difference.kind == "not recorded"


def test_a_segment_in_the_middle_of_a_term_replays_by_itself(
    world: World, monkeypatch: Any
) -> None:
    monkeypatch.setattr("controller.shell.journal.SEGMENT_BYTES_MAX", 1)
    shell = world.controller()
    world.run(shell, until_s=30)
    shell.close()
    found = segments(world, "a")
    assert len(found) > 5
    lines = world.log()
    assert list(replay(found).lines) == lines
    later = list(replay(found[3:]).lines)
    assert later == lines[len(lines) - len(later) :]
    assert later


def test_other_playbooks_would_have_decided_otherwise(world: World) -> None:
    shell = world.controller()
    world.run(shell, until_s=30)
    shell.close()
    found = segments(world, "a")
    (old,) = world.playbooks.playbooks
    same = what_if(found, (old,))
    assert "acting" in [record["phase"] for record in same.records]
    assert not any(record["enforced"] for record in same.records if record["phase"] == "acting")
    calm = replace(old, when=replace(old.when, threshold=1e6))
    assert "acting" not in [record["phase"] for record in what_if(found, (calm,)).records]


def test_readings_that_were_never_recorded_are_listed(world: World) -> None:
    shell = world.controller()
    world.run(shell, until_s=6)
    shell.close()
    (old,) = world.playbooks.playbooks
    signal = replace(old.when.quantity, signal="arm_bad")
    outcome = what_if(
        segments(world, "a"), (replace(old, when=replace(old.when, quantity=signal)),)
    )
    assert outcome.unrecorded == ("arm_bad{arm=primary}",)


def test_a_dry_run_judges_and_publishes_nothing(world: World) -> None:
    real = world.controller("real", "a")
    world.run(real, until_s=4)
    log, plan = world.log(), world.plan()
    wrap = lambda name, port: DryRunStore(port, world.clock) if name == "store" else port  # noqa: E731
    dry = world.controller("dry", "dry", wrap=wrap)
    world.run(dry, until_s=12)
    assert (world.log(), world.plan()) == (log, plan)
    derived = replay(segments(world, "dry"))
    assert b'"phase":"acting"' in b"".join(derived.lines)


def test_replay_needs_nothing_but_the_files(world: World, tmp_path: Path) -> None:
    shell = world.controller()
    world.run(shell, until_s=10)
    shell.close()
    (path,) = segment_paths([world.folder / "a" / "journal"])
    moved = tmp_path / "elsewhere.journal"
    moved.write_bytes(path.read_bytes())
    assert list(replay([read_segment(moved)]).lines) == world.log()


def test_what_people_ordered_holds_for_other_playbooks_too(world: World) -> None:
    shell = world.controller()
    world.run(shell, until_s=3)
    world.command("freeze-1", "freeze", "all")
    world.run(shell, until_s=12)
    shell.close()
    (old,) = world.playbooks.playbooks
    phases = [record["phase"] for record in what_if(segments(world, "a"), (old,)).records]
    assert phases == ["elected", "operator", "blocked"]


def test_a_mid_term_segment_is_judged_by_the_other_playbooks(
    world: World, monkeypatch: Any
) -> None:
    monkeypatch.setattr("controller.shell.journal.SEGMENT_BYTES_MAX", 1)
    shell = world.controller()
    world.run(shell, until_s=30)
    shell.close()
    (old,) = world.playbooks.playbooks
    calm = replace(old, when=replace(old.when, threshold=1e6), sha256="cd" * 32)
    before_it_opened = segments(world, "a")[1:]
    assert before_it_opened[0].header["state"]["incidents"] == []
    phases = [record["phase"] for record in what_if(before_it_opened, (calm,)).records]
    assert "opened" not in phases
