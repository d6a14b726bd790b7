"""Whatever stands in a file that a command reads: one line that names it, and exit code 2."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from controller.errors import BadInput
from controller.settings import Objective, Settings
from controller.settings_file import read_settings
from selfright import openslo
from selfright.command import main
from tests.examples import examples

SHIPPED = (Path(__file__).parents[2] / "selfright.yaml").read_bytes()
EXPORTED = openslo.exported(Settings()).encode()
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 9)}]\n"
    for before, name in zip("abcdefghi", "bcdefghij", strict=True)
)
NOT_PLAIN = {
    "a: 2026-99-99": "a",
    "a: !!int abc": "is no int",
    f"a: {'9' * 5_000}": "5000 characters",
    "a: " + "[" * 3_000: "nested too deeply",
    f"a: {'[' * 40}{']' * 40}": "nested too deeply",
    "a: \x07": "#x0007",
    'a: "\\UFFFFFFFF"': "is not YAML",
    'a: "\\uD800"': "",
    "a: !!python/object:os.system x": "is not read",
    "a: &a [*a]": "nested too deeply",
    BOMB: "too large",
    "1: 2": "no text",
    "? [a]\n: 1": "no text",
    "a: 1\na: 2": "given twice",
    "<<: 1": "<< takes a mapping",
    f"%YAML {'9' * 5_000}.1\n---\na: 1": "is not YAML",
}


def _refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> str:
    monkeypatch.setattr(sys, "argv", ["selfright", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    error = capsys.readouterr().err
    assert ended.value.code == 2
    assert len(error.splitlines()) == 1
    return error


@pytest.mark.parametrize("text", NOT_PLAIN, ids=lambda text: ascii(text[:20]))
@pytest.mark.parametrize(
    "command", [["signals", "--settings"], ["slo", "import"]], ids=["settings", "openslo"]
)
def test_yaml_that_is_not_plain_is_refused_in_one_line(
    command: list[str],
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "given.yaml"
    path.write_text(text, encoding="utf-8")
    error = _refused(monkeypatch, capsys, *command, str(path))
    assert str(path) in error
    assert len(error) < 600
    if command[0] == "signals":
        assert NOT_PLAIN[text] in error


def test_an_anchor_given_twice_is_the_later_one(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    path = tmp_path / "selfright.yaml"
    path.write_text("version: &x 1\nservice: &x ab\nregion: *x\n", encoding="utf-8")
    assert read_settings(path, environ={}).region == "ab"
    assert not recwarn.list


def test_settings_may_share_parts_of_themselves(tmp_path: Path) -> None:
    path = tmp_path / "selfright.yaml"
    path.write_text(
        "version: 1\narms:\n  primary: &p {share: 1.0, deadline_ms: 70}\n"
        "  fallback: {<<: *p, share: 0.0}\n",
        encoding="utf-8",
    )
    fallback = read_settings(path, environ={}).arms["fallback"]
    assert (fallback.share, fallback.deadline_ms) == (0.0, 70.0)


def _mangled(texts: list[bytes]) -> st.SearchStrategy[bytes]:
    """Any bytes, or a good file with a piece cut out and another put in."""
    signs = st.sampled_from([b"[", b"{", b"&a ", b"*a", b"!!int ", b".inf", b"\x07", b"9" * 99])
    mangled = st.tuples(
        st.sampled_from(texts), st.integers(0, 900), st.integers(0, 9), signs | st.binary()
    ).map(lambda part: part[0][: part[1]] + part[3] + part[0][part[1] + part[2] :][:200])
    return st.binary(max_size=60) | mangled


@pytest.mark.parametrize(
    "read", [read_settings, openslo.imported], ids=["read_settings", "imported"]
)
def test_bytes_are_read_or_refused(read: Callable[[Path], Any], tmp_path: Path) -> None:
    @settings(max_examples=examples(12), suppress_health_check=list(HealthCheck), database=None)
    @given(_mangled([SHIPPED, EXPORTED]))
    @example(b"version: .nan\n")
    def law(content: bytes) -> None:
        path = tmp_path / "given.yaml"
        path.write_bytes(content)
        said = ""
        try:
            read(path)
        except BadInput as refused:
            said = str(refused)
        assert "\n" not in said

    law()


ABOUT = {"role": "leader", "standing": "it judges", "pages": False, "at_s": 1.0}
GOOD = {"signal": "s", "value": 1.0, "state": "ok", "sample_size": 1, "note": ""}


@pytest.mark.parametrize(
    ("document", "where"),
    [
        ([], "no mapping"),
        ({}, "at_s"),
        ({"at_s": "12", "readings": []}, "at_s"),
        ({"at_s": float("nan"), "readings": []}, "at_s"),
        (ABOUT, "readings"),
        (ABOUT | {"readings": {}}, "readings"),
        (ABOUT | {"readings": [GOOD, 3]}, "readings.1"),
        (ABOUT | {"readings": [GOOD | {"value": "1"}]}, "readings.0"),
        (ABOUT | {"readings": [GOOD | {"value": 10**400}]}, "readings.0"),
        (ABOUT | {"readings": [], "role": 7}, "role"),
        ({"at_s": 1.0, "readings": []}, "role"),
    ],
    ids=str,
)
@pytest.mark.parametrize("command", ["slo", "status"])
def test_damaged_readings_are_said_to_be_damaged(
    command: str,
    document: Any,
    where: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("selfright.yaml").write_text("version: 1\n", encoding="utf-8")
    path = tmp_path / ".selfright" / "run" / "readings.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(document), encoding="utf-8")
    error = _refused(monkeypatch, capsys, command, "--settings", "selfright.yaml")
    assert "readings.json" in error
    assert "readings file is damaged" in error
    assert where in error


def test_a_window_that_openslo_cannot_say_is_not_exported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("selfright.yaml").write_text(
        "version: 1\nobjectives: {a: {indicator: availability, target: 0.9, window_s: 3690}}\n"
    )
    error = _refused(monkeypatch, capsys, "slo", "export", "--format", "openslo")
    assert "objectives.a.window_s: OpenSLO has no unit below a minute for 3690 s" in error


@settings(max_examples=examples(10), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.floats(0.0, 1.0, exclude_min=True, exclude_max=True),
    st.floats(0.0, exclude_min=True, allow_infinity=False),
    st.integers(60, 129_600),
)
def test_what_is_exported_comes_back_the_same(
    tmp_path: Path, target: float, threshold: float, window_min: int
) -> None:
    given_ = Objective(
        indicator="cost", target=target, threshold=threshold, window_s=window_min * 60.0
    )
    path = tmp_path / "slo.yaml"
    path.write_text(openslo.exported(Settings(objectives={"a": given_})), encoding="utf-8")
    assert openslo.imported(path) == {"a": given_}


@pytest.mark.parametrize("number", [".inf", "-.inf", ".nan"])
@pytest.mark.parametrize(
    "text",
    [
        "objectives: {a: {indicator: latency, target: 0.9, threshold: %s}}",
        "prices: {cpu_core_hour: %s}",
        "attribution_window_s: %s",
    ],
)
def test_numbers_of_settings_are_finite(text: str, number: str, tmp_path: Path) -> None:
    path = tmp_path / "selfright.yaml"
    path.write_text(f"version: 1\n{text % number}\n", encoding="utf-8")
    with pytest.raises(BadInput, match=":2: "):
        read_settings(path, environ={})
