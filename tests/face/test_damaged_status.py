"""A stored copy or a list of processes of another shape is one line that names the file."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from controller.core.state import STATE_FORMAT
from controller.errors import BadInput
from controller.shell.log_sources import from_disk
from selfright.command import main
from selfright.running_stack import processes
from selfright.secret_file import _FILE, load_secrets

DAMAGED = ["", "{", "[]", "null", "3", '"text"', "\x00\x01", "[" * 100_000, '{"plan": null}']
STATE = json.dumps({"format": STATE_FORMAT, "incidents": {}})


@pytest.mark.parametrize(
    "content",
    [
        *DAMAGED,
        *(json.dumps({"plan": plan, "state": None}) for plan in ([], 3, {}, "", *DAMAGED)),
        json.dumps({"plan": None, "state": STATE}),
        json.dumps({"plan": None, "state": "{}"}),
        json.dumps({"plan": '{"frozen": 3}', "state": None}),
        json.dumps({"plan": "\ud800", "state": None}),
    ],
    ids=lambda text: ascii(text[:30]),
)
@pytest.mark.parametrize("words", [[], ["--json"]], ids=["table", "json"])
def test_a_damaged_stored_copy_is_named(
    words: list[str],
    content: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = "version: 1\nendpoints: {redis: 'redis://127.0.0.1:1/0'}\n"
    Path("selfright.yaml").write_text(settings, encoding="utf-8")
    path = tmp_path / ".selfright" / "decisions" / "stored.json"
    path.parent.mkdir(parents=True)
    path.write_text(content, encoding="utf-8")
    monkeypatch.setattr(
        sys, "argv", ["selfright", "status", "--settings", "selfright.yaml", *words]
    )
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    assert (ended.value.code, said.out) == (2, "")
    assert said.err.count("\n") == 1
    assert str(path) in said.err


@pytest.mark.parametrize(
    "content", [*DAMAGED, '{"a": "1"}', '{"a": 0}', '{"a": true}', '{"a": -1}', f'{{"a": {2**70}}}']
    , ids=lambda text: ascii(text[:30])
)  # fmt: skip
def test_a_damaged_list_of_processes_is_named(content: str, tmp_path: Path) -> None:
    path = tmp_path / "run" / "processes.json"
    path.parent.mkdir()
    path.write_text(content, encoding="utf-8")
    with pytest.raises(BadInput, match="damaged") as refused:
        processes(tmp_path)
    assert str(path) in str(refused.value)


@pytest.mark.parametrize("plan", [[], 3, {}, "", "null", "[]", "{}", "{"], ids=ascii)
def test_a_log_beside_a_damaged_plan_is_not_read(plan: object, tmp_path: Path) -> None:
    folder = tmp_path / "decisions"
    folder.mkdir()
    (folder / "records.jsonl").write_bytes(b"")
    (folder / "stored.json").write_text(json.dumps({"plan": plan, "state": None}))
    with pytest.raises(BadInput, match=r"stored\.json: (cannot be read|holds no plan)"):
        from_disk(tmp_path)


@pytest.mark.parametrize("content", ["[]", "null", "3", "{", ""], ids=ascii)
def test_damaged_secrets_are_named(content: str, tmp_path: Path) -> None:
    path = tmp_path / _FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    with pytest.raises(BadInput) as refused:
        load_secrets(tmp_path)
    assert str(path) in str(refused.value)
