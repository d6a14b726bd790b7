"""The commands about decisions, as a person and a script run them."""

from __future__ import annotations

import http.client
import json
import signal
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from controller.adapters.memory_store import MemoryPlanStore
from controller.errors import BadInput, Unavailable
from controller.settings import REDIS_PASSWORD_ENV, Endpoints, Settings
from selfright import (
    decisions_command,
    operator_command,
    replay_command,
    status_command,
)
from selfright.operator_command import (
    Command,
    command_until_recorded,
    parse_duration_s,
    parse_shares,
)
from selfright.running_stack import write_run_settings

World = Any
Stack = Any

app = typer.Typer()
app.add_typer(decisions_command.app, name="decisions")
for module in (operator_command, replay_command, status_command):
    module.register(app)


def selfright(*arguments: str, columns: int = 200) -> Result:
    return CliRunner(env={"COLUMNS": str(columns)}).invoke(app, list(arguments))


@pytest.fixture
def data_dir(world: World, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder after the whole story, its store in memory."""
    shell = world.controller()
    world.run(shell, until_s=40)
    shell.close()
    folder: Path = world.folder / "a"
    endpoints = Endpoints(redis="redis://127.0.0.1:1/0", kafka="127.0.0.1:1")
    write_run_settings(Settings(service="shop", data_dir=folder, endpoints=endpoints))
    for command in (decisions_command, status_command, replay_command):
        monkeypatch.setattr(command, "open_store", lambda _: world.store)
    return folder


def test_list_tells_the_story_in_order(data_dir: Path) -> None:
    result = selfright("decisions", "list", "--data-dir", str(data_dir))
    assert result.exit_code == 0
    places = [result.output.index(phase) for phase in ("elected", "acting", "recovered")]
    assert places == sorted(places)


def test_list_as_json_is_the_sealed_log_and_verifies_as_a_file(
    data_dir: Path, world: World, tmp_path: Path
) -> None:
    result = selfright("decisions", "list", "--data-dir", str(data_dir), "--json", "--last", "999")
    assert result.output.encode().splitlines() == world.log()
    copy = tmp_path / "log.jsonl"
    copy.write_text(result.output)
    verified = selfright("decisions", "verify", "--source", str(copy))
    assert verified.exit_code == 0
    assert "its end is not checked" in verified.output


@pytest.mark.parametrize("source", ["store", "disk"])
def test_verify_says_whole(data_dir: Path, source: str, world: World) -> None:
    result = selfright("decisions", "verify", "--data-dir", str(data_dir), "--source", source)
    assert result.exit_code == 0
    assert f"whole: {len(world.log())} records" in result.output


def test_verify_names_the_record_that_was_changed(data_dir: Path) -> None:
    path = data_dir / "decisions" / "records.jsonl"
    lines = path.read_bytes().splitlines()
    lines[3] = lines[3].replace(b"1764", b"1765", 1)
    path.write_bytes(b"\n".join(lines) + b"\n")
    result = selfright("decisions", "verify", "--data-dir", str(data_dir), "--source", "disk")
    assert result.exit_code == 1
    assert "was changed" in result.output
    assert json.loads(lines[3])["id"] in result.output


def test_verify_finds_a_cut_off_end_as_json(data_dir: Path) -> None:
    path = data_dir / "decisions" / "records.jsonl"
    lines = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join(lines[:-1]) + b"\n")
    result = selfright(
        "decisions", "verify", "--data-dir", str(data_dir), "--source", "disk", "--json"
    )
    assert result.exit_code == 1
    found = json.loads(result.output)
    assert (found["whole"], found["flaw"]["kind"]) == (False, "cut off")


def test_show_gives_conditions_with_value_and_margin(data_dir: Path, world: World) -> None:
    (opened,) = (r for r in world.records() if r["phase"] == "opened")
    result = selfright("decisions", "show", opened["id"], "--data-dir", str(data_dir))
    assert result.exit_code == 0
    for expected in (opened["sentence"][:30], opened["conditions"][0]["text"][:20], "400"):
        assert expected in result.output


def test_show_of_an_unknown_record_is_one_line_and_two(data_dir: Path) -> None:
    result = selfright("decisions", "show", "9-9-9", "--data-dir", str(data_dir))
    assert result.exit_code == 2
    assert "no record or incident '9-9-9'" in result.output + result.stderr


def test_replay_finds_the_same_log(data_dir: Path, world: World) -> None:
    result = selfright("replay", "--data-dir", str(data_dir))
    assert result.exit_code == 0, result.output
    assert "equal: " in result.output
    assert f"{len(world.log())} records byte for byte" in result.output


def test_replay_against_a_tampered_log_fails_and_names_the_record(data_dir: Path) -> None:
    path = data_dir / "decisions" / "records.jsonl"
    path.write_bytes(path.read_bytes().replace(b"routes 100", b"routes 999"))
    result = selfright("replay", "--data-dir", str(data_dir), "--json")
    assert result.exit_code == 1
    (difference,) = json.loads(result.output)["differences"]
    assert difference["kind"] == "differs"


def test_status_shows_arms_and_that_the_controller_is_silent(data_dir: Path) -> None:
    result = selfright("status", "--data-dir", str(data_dir))
    assert result.exit_code == 0
    for expected in ("silent", "primary", "100%", "no open incident", "arm_latency_ms.p95"):
        assert expected in result.output


def test_status_names_the_bundle_and_says_when_newer_files_are_refused(
    data_dir: Path, world: World
) -> None:
    bundle = json.loads(world.store.load().state)["bundle"]["sha256"]
    world.playbooks.trouble = "one.yaml:3: is bad"
    world.controller().run_tick()
    result = selfright("status", "--data-dir", str(data_dir))
    assert f"bundle {bundle[:12]}: 1 playbook" in result.output
    assert "are refused, the old stay: one.yaml:3: is bad" in result.output
    found = json.loads(selfright("status", "--data-dir", str(data_dir), "--json").output)
    assert found["silent_s"] > 5.0


def test_status_falls_back_to_the_disk_copy_when_the_store_is_gone(
    data_dir: Path, world: World
) -> None:
    world.store.down = True
    result = selfright("status", "--data-dir", str(data_dir), "--json")
    found = json.loads(result.output)
    assert found["source"] == "disk"
    assert found["plan"]["arms"]["primary"]["share"] == 1.0


def test_no_stack_is_one_line_and_two(tmp_path: Path) -> None:
    result = selfright("status", "--data-dir", str(tmp_path))
    assert result.exit_code == 2
    assert "no stack was started here" in result.output + result.stderr


def test_a_local_override_needs_nothing_but_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "beside-the-router.json"
    result = selfright(
        "override",
        "primary=0,fallback=1",
        "--local",
        str(path),
        "--for",
        "10m",
        "--who",
        "ann",
        "--data-dir",
        str(tmp_path),
    )
    assert result.exit_code == 0
    document = json.loads(path.read_text())
    assert document["shares"] == {"primary": 0.0, "fallback": 1.0}
    assert document["who"] == "ann"
    assert json.loads((tmp_path / "override.json").read_text()) == document


@pytest.mark.parametrize("known_by", ["plan", "stack", "settings", "folder"])
def test_a_local_override_of_unknown_arms_is_refused(
    known_by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder, path = tmp_path / "data", tmp_path / "ov.json"
    words = ["override", "nope=1", "--local", str(path), "--data-dir", str(folder)]
    if known_by == "plan":
        plan = json.dumps({"arms": {"primary": {}, "fallback": {}}})
        (folder / "decisions").mkdir(parents=True)
        (folder / "decisions" / "stored.json").write_text(json.dumps({"plan": plan}))
    elif known_by == "stack":
        write_run_settings(Settings(data_dir=folder))
    else:
        name = "s.yaml" if known_by == "settings" else "selfright.yaml"
        (tmp_path / name).write_text("version: 1\n")
        words += ["--settings", name] if known_by == "settings" else []
    result = selfright(*words)
    assert result.exit_code == 2
    assert "shares: there is no arm 'nope'; accepted: primary, fallback" in result.stderr
    assert not path.exists()
    words[1] = "primary=0,fallback=1"
    assert selfright(*words).exit_code == 0
    assert path.exists()


def test_a_local_override_says_when_nobody_knows_the_arms(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = selfright("override", "mine=1", "--local", "ov.json")
    assert result.exit_code == 0
    assert "was not checked" in result.stderr


@pytest.mark.parametrize(
    "text",
    ["", "primary", "primary=2,fallback=-1", "primary=0.5", "a=x,b=1", "a=0.2,a=1", "a=0,b=1, a=0"],
)
def test_bad_shares_are_bad_input(text: str) -> None:
    with pytest.raises(BadInput, match="shares"):
        parse_shares(text)


def test_durations_have_units() -> None:
    assert [parse_duration_s(text) for text in ("90s", "10m", "1.5h", "2d")] == [
        90.0,
        600.0,
        5400.0,
        172_800.0,
    ]
    for bad in ("10", "h", "-1h", "0s", "1 week"):
        with pytest.raises(BadInput, match="duration"):
            parse_duration_s(bad)


class WorldTime:
    """Sleeping lets the controllers work."""

    def __init__(self, world: World, *shells: Any) -> None:
        self.world, self.shells = world, shells

    def now_s(self) -> float:
        return float(self.world.clock.now_s())

    def sleep_s(self, seconds: float) -> None:
        if not self.shells:
            self.world.clock.advance(seconds)
        for shell in self.shells:
            shell.run_tick()


def test_a_command_is_published_until_its_record_is_there(world: World) -> None:
    shell = world.controller()
    time = WorldTime(world, shell)
    command = Command("freeze-9", "ann", "freeze", "all")
    record = command_until_recorded(
        command, world.bus.writer(), world.store, "shop", 30.0, time.now_s, time.sleep_s
    )
    assert record["command_id"] == "freeze-9"
    assert "all" in world.plan()["frozen"]


def test_without_a_leader_a_command_fails_visibly(world: World) -> None:
    time = WorldTime(world)
    with pytest.raises(Unavailable, match="was not taken up within 5 s"):
        command_until_recorded(
            Command("c", "ann", "freeze", "all"),
            world.bus.writer(),
            MemoryPlanStore(world.clock),
            "shop",
            5.0,
            time.now_s,
            time.sleep_s,
        )


def through_the_door(stack: Stack, path: str, said: dict[str, str]) -> tuple[int, Any]:
    where = json.loads((stack.folder / "run" / "operator.json").read_text())
    door = http.client.HTTPConnection(where["host"], where["port"], timeout=60.0)
    headers = {"Authorization": "Bearer a-token-for-people"}
    door.request("POST", f"/v1/{path}", json.dumps(said), headers)
    answer = door.getresponse()
    found = answer.status, json.loads(answer.read())
    door.close()
    return found


@pytest.mark.live
def test_commands_reach_a_running_controller(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(REDIS_PASSWORD_ENV, "secret")
    where = ("--settings", str(stack.settings_file))
    with stack.running() as process:
        stack.await_that("a leader", lambda: stack.phases()["elected"] > 0)
        frozen = selfright("freeze", "all", "--who", "ann", *where)
        assert frozen.exit_code == 0, frozen.output
        assert "ann: freeze all" in frozen.output
        assert "frozen: all" in selfright("status", *where).output
        refused = selfright("approve", "nothing", *where)
        assert refused.exit_code == 1
        assert "no such approval" in refused.output
        overridden = selfright("override", "primary=0,fallback=1", "--json", *where)
        record = json.loads(overridden.output)
        assert json.loads(stack.store.load().plan)["arms"]["primary"]["share"] == 0.0
        released = selfright("release", record["command_id"], *where)
        assert released.exit_code == 0, released.output
        assert json.loads(stack.store.load().plan)["arms"]["primary"]["share"] == 1.0
        assert through_the_door(stack, "approvals/nothing/approve", {"who": "ann"})[0] == 409
        thaw = {"verb": "thaw", "target": "all", "who": "bea"}
        status, answer = through_the_door(stack, "operator", thaw)
        assert (status, answer["sentence"]) == (200, "bea: thaw all: all is thawed")
        assert json.loads(stack.store.load().plan)["frozen"] == []
        assert selfright("decisions", "verify", *where).exit_code == 0
        process.send_signal(signal.SIGTERM)
        assert process.wait(30.0) == 0
    assert selfright("replay", "--against", "store", *where).exit_code == 0
