"""The version of the loaded set of playbooks, from the files to the log and its replay."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from controller.shell.bundle import bundle_sha256
from controller.shell.journal import segment_paths
from controller.shell.replay import compare, replay
from controller.shell.segment import read_segment
from controller.shell.what_if import what_if

World = Any


def test_the_same_playbooks_in_any_order_are_the_same_bundle(world: World) -> None:
    (one,) = world.playbooks.playbooks
    other = replace(one, name="other")
    assert bundle_sha256((one, other)) == bundle_sha256((other, one))
    assert len({bundle_sha256(each) for each in ((), (one,), (other,), (one, other))}) == 4
    assert bundle_sha256((one,)) != bundle_sha256((replace(one, sha256="cd" * 32),))


def test_a_changed_bundle_is_one_record_and_the_log_still_replays(world: World) -> None:
    shell = world.controller()
    world.run(shell, until_s=8)
    (old,) = world.playbooks.playbooks
    world.playbooks.fresh = (replace(old, text="new", sha256="cd" * 32),)
    world.run(shell, until_s=40)
    shell.close()
    (loaded,) = (each for each in world.records() if each["phase"] == "loaded")
    new = bundle_sha256(world.playbooks.playbooks)
    assert loaded["sentence"].startswith(f"bundle {new[:12]} replaces {bundle_sha256((old,))[:12]}")
    assert loaded["details"]["changed"] == ["slow-primary"]
    (under_old,) = loaded["details"]["under_old_text"]
    recovered = [each for each in world.records() if each["phase"] == "recovered"]
    assert [(r["incident"], r["playbook_sha256"]) for r in recovered] == [(under_old, "ab" * 32)]
    paths = segment_paths([world.folder / "a" / "journal"])
    segments = [read_segment(path) for path in paths]
    found = compare(replay(segments), world.log())
    assert (found.differences, found.equal) == ((), len(world.log()))
    elected = what_if(segments, (old,)).records[0]
    assert elected["details"]["bundle"] == bundle_sha256((old,))
