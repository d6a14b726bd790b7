"""The loop closes: readings in, plan and records out, and nothing outside can stop it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from controller.shell.readings_file import read_readings
from controller.shell.verify import verify
from controller.telemetry.schema import (
    CHANGE,
    DEAD_LETTER_SUFFIX,
    SERVED,
    WORK,
)

World = Any


def test_a_slow_primary_is_drained_and_gets_its_traffic_back(world: World) -> None:
    shell = world.controller()
    world.run(shell, until_s=10)
    assert world.share() == 0.0
    world.run(shell, until_s=40)
    assert world.share() == 1.0
    phases = world.phases()
    assert phases == [
        "elected",
        "opened",
        "acting",
        "explained",
        "verifying",
        "holding",
        "returning",
        "returning",
        "recovered",
    ]
    assert verify(world.log(), world.plan()["head"]).is_whole


def test_an_incident_is_explained_once_by_its_own_signals_and_what_came_before(
    world: World,
) -> None:
    shell = world.controller()
    world.run(shell, until_s=4)
    row = {"at_s": world.clock.now_s(), "kind": "deploy", "what": "model 7", "who": "ci"}
    world.publish(CHANGE, [row])
    world.run(shell, until_s=40)
    (record,) = [each for each in world.records() if each["phase"] == "explained"]
    first, *_, last = record["details"]["causes"]
    assert first["what"] == "arm_latency_ms.p95{arm=primary}[5s]"
    assert last["what"] == "deploy model 7 by ci"
    acted = next(each for each in world.records() if each["phase"] == "acting")
    assert (record["incident"], record["revision"]) == (acted["incident"], acted["revision"] + 1)


def test_nobody_is_asked_to_explain_while_nothing_opens(world: World) -> None:
    world.slow_s = (1e9, 1e9)
    shell = world.controller()
    world.run(shell, until_s=20)
    assert "explained" not in world.phases()


def test_the_disk_copy_follows_every_commit(world: World) -> None:
    shell = world.controller()
    world.run(shell, until_s=30)
    copied = (world.folder / "a" / "decisions" / "records.jsonl").read_bytes().splitlines()
    assert copied == world.log()


def test_a_command_is_answered_once_however_often_it_is_repeated(world: World) -> None:
    shell = world.controller()
    world.run(shell, until_s=4)
    for second in range(5, 10):
        world.command("freeze-1", "freeze", "all")
        world.run(shell, until_s=second)
    answers = [r for r in world.records() if r["command_id"] == "freeze-1"]
    assert len(answers) == 1
    assert "all" in world.plan()["frozen"]


def test_a_command_that_came_before_anyone_led_is_answered_when_repeated(world: World) -> None:
    shell = world.controller()
    world.command("freeze-1", "freeze", "all")
    world.run(shell, until_s=5)
    assert [r for r in world.records() if r["command_id"]] == []
    world.command("freeze-1", "freeze", "all")
    world.run(shell, until_s=7)
    assert [r["command_id"] for r in world.records() if r["command_id"]] == ["freeze-1"]


def test_broken_messages_are_kept_in_the_dead_letter_topic_and_stop_nothing(world: World) -> None:
    shell = world.controller()
    world.writer.send(SERVED, b"not arrow", headers={"version": "1"}, partition=0)
    world.run(shell, until_s=10)
    assert shell.intake.broken == {SERVED: 1}
    (kept,) = world.bus.fetch((SERVED + DEAD_LETTER_SUFFIX, 0), 0, 10)
    assert kept.value == b"not arrow"
    assert kept.headers["place"] == f"{SERVED}/0@0"
    assert kept.headers["reason"]
    assert world.share() == 0.0


def test_batches_of_other_services_are_left_alone(world: World) -> None:
    shell = world.controller()
    row = {"at_s": 1.0, "kind": "deploy", "what": "x", "who": "y"}
    world.publish(CHANGE, [row])
    value = world.bus.fetch((CHANGE, 0), 0, 1)[0]
    world.writer.send(
        CHANGE, value.value, headers={**value.headers, "service": "other"}, partition=0
    )
    world.run(shell, until_s=2)
    assert shell.intake.counts["foreign"] == 1
    assert shell.intake.counts["taken"] == 1


def test_work_that_is_still_running_or_not_wanted_is_no_fact(world: World) -> None:
    shell = world.controller()
    world.run(shell, until_s=4)
    for status in ("running", "done"):
        row = {"at_s": 1.0, "work_id": "w1", "kind": "retrain", "status": status}
        world.publish(WORK, [row], producer=status)
    before = len(world.log())
    world.run(shell, until_s=5)
    assert len(world.log()) == before


def test_a_bus_that_is_gone_stops_neither_ticks_nor_leadership(world: World) -> None:
    shell = world.controller()
    world.run(shell, until_s=4)
    world.bus.down = True
    world.run(shell, until_s=8)
    assert shell.leads
    assert shell.ticks_missed == 0


def test_late_ticks_are_skipped_and_counted_never_caught_up(world: World) -> None:
    shell = world.controller()
    world.run(shell, until_s=3)
    world.clock.advance(3.0)
    at_s = shell.run_tick()
    assert world.clock.now_s() - at_s < 1.5
    assert shell.ticks_missed in (2, 3)


def test_changed_playbooks_are_loaded_by_the_running_leader(world: World) -> None:
    shell = world.controller()
    world.run(shell, until_s=3)
    (old,) = world.playbooks.playbooks
    world.playbooks.fresh = (replace(old, name="renamed", sha256="cd" * 32),)
    world.run(shell, until_s=9)
    assert [r["playbook"] for r in world.records() if r["phase"] == "opened"] == ["renamed"]


def test_readings_are_shown_every_tick_leading_or_not(world: World) -> None:
    shell = world.controller()
    world.store.down = True
    world.run(shell, until_s=6)
    found = read_readings(world.folder / "a")
    assert found is not None
    assert found["role"] == "no store"
    assert any(r["signal"].startswith("arm_latency_ms.p95") for r in found["readings"])


def test_a_restart_reads_on_from_its_snapshot(world: World) -> None:
    row = {"at_s": 1.0, "kind": "deploy", "what": "x", "who": "y"}
    world.publish(CHANGE, [row])
    world.writer.send(SERVED, b"broken", headers={}, partition=0)
    first = world.controller()
    world.run(first, until_s=12)
    first.close()
    second = world.controller(holder="two")
    world.run(second, until_s=14)
    assert second.intake.counts["taken"] == 0
    assert sum(second.intake.broken.values()) == 0


def test_a_snapshot_is_passed_over_when_the_topic_is_another(world: World) -> None:
    first = world.controller()
    world.publish(CHANGE, [{"at_s": 1.0, "kind": "deploy", "what": "x", "who": "y"}])
    world.run(first, until_s=2)
    first.close()
    world.bus.restart()
    world.publish(CHANGE, [{"at_s": 2.0, "kind": "deploy", "what": "z", "who": "y"}], "fresh")
    second = world.controller(holder="two")
    world.run(second, until_s=4)
    assert second.intake.counts["taken"] == 1


def test_an_unreadable_snapshot_means_a_cold_start(world: World, tmp_path: Path) -> None:
    path = world.folder / "a" / "snapshots" / "monitors.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"format": 99}))
    shell = world.controller()
    world.run(shell, until_s=4)
    assert shell.leads


def test_a_clean_stop_lets_the_next_one_lead_at_once(world: World) -> None:
    first = world.controller()
    world.run(first, until_s=4)
    first.close()
    second = world.controller(holder="two", name="b")
    world.run(second, until_s=8)
    assert second.leads


def test_a_disk_that_takes_no_facts_means_not_leading(world: World) -> None:
    class FullDisk:
        def __init__(self, journal: Any) -> None:
            self.journal = journal

        def __getattr__(self, name: str) -> Any:
            return getattr(self.journal, name)

        def flush(self) -> None:
            if world.clock.now_s() > world.clock_full_s:
                raise OSError(28, "No space left on device")
            self.journal.flush()

    world.clock_full_s = world.clock.now_s() + 4.0
    shell = world.controller(wrap=lambda name, port: FullDisk(port) if name == "journal" else port)
    world.run(shell, until_s=12)
    assert not shell.leads
    assert shell.standing.pages
    assert world.share() == 1.0
    assert world.phases() == ["elected"]


def test_what_a_person_wants_for_a_time_ends_by_itself(world: World) -> None:
    world.slow_s = (1e9, 1e9)
    shell = world.controller()
    world.run(shell, until_s=3)
    world.command("o", "override", "primary=0.25 for 4s")
    world.command("f", "freeze", "promotions for 4s")
    world.command("x", "freeze", "all for ever")
    world.run(shell, until_s=6)
    assert (world.share(), world.plan()["frozen"]) == (0.25, ["promotions"])
    (refused,) = (r for r in world.records() if r["command_id"] == "x")
    assert not refused["details"]["accepted"]
    world.run(shell, until_s=10)
    assert (world.share(), world.plan()["frozen"]) == (1.0, [])
    assert world.phases()[-2:] == ["thawed", "released"]
