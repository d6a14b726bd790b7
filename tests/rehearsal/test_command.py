"""`selfright playbooks test`: exit codes, JUnit XML, golden files."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner, Result

from selfright import playbooks_command


def run(*arguments: object) -> Result:
    return CliRunner().invoke(playbooks_command.app, ["test", *map(str, arguments)])


@pytest.fixture(autouse=True)
def _no_settings_file_near(rehearsing: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(rehearsing.folder)


def test_all_well_is_exit_code_0(rehearsing: Any) -> None:
    result = run(rehearsing.write())
    assert result.exit_code == 0
    assert "it is slow for a while" in result.output
    assert "1 tests, 0 failed" in result.output


def test_a_failing_test_is_exit_code_1_and_shows_its_timelines(rehearsing: Any) -> None:
    result = run(rehearsing.write(expect="[]"))
    assert result.exit_code == 1
    assert "opened of slow-1-2 at 12s was not expected" in result.output
    assert "conditions at 12s" in result.output


def test_bad_input_is_exit_code_2_and_one_line(rehearsing: Any) -> None:
    result = run(rehearsing.write(ends_at="soon"))
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        f"selfright: {rehearsing.folder}/test.yaml:15: ends_at: 'soon' is not a duration; "
        "accepted: a number above 0 with ms, s, m, h or d"
    ]
    assert run(rehearsing.folder / "none").exit_code == 2


def test_junit_has_a_case_for_each_test(rehearsing: Any) -> None:
    good, bad = rehearsing.write(), rehearsing.write("bad.yaml", expect="[]", test='"a < b \\x01"')
    report = rehearsing.folder / "report.xml"
    assert run(good, bad, "--junit", report).exit_code == 1
    root = ElementTree.parse(report).getroot()
    assert (root.get("tests"), root.get("failures")) == ("2", "1")
    cases = root.findall("./testsuite/testcase")
    assert [case.get("name") for case in cases] == ["it is slow for a while", "a < b \ufffd"]
    failure = cases[1].find("failure")
    assert failure is not None
    assert "was not expected" in str(failure.get("message"))
    assert "conditions at 12s" in str(failure.text)


def test_a_golden_file_is_compared_byte_for_byte_once_it_is_there(rehearsing: Any) -> None:
    path, golden = rehearsing.write(), rehearsing.folder / "test.golden.txt"
    assert run(path, "--update").exit_code == 0
    assert "12s acting" in golden.read_text()
    assert run(path).exit_code == 0
    golden.write_text(golden.read_text().replace("12s acting", "11s acting"))
    result = run(path)
    assert result.exit_code == 1
    assert "-     11s acting" in result.output
    assert run(path, "--update").exit_code == 0
    assert run(path).exit_code == 0


def test_a_folder_of_golden_files_must_hold_each_of_them(rehearsing: Any) -> None:
    path, folder = rehearsing.write(), rehearsing.folder / "golden"
    assert run(path, "--golden", folder).exit_code == 2
    folder.mkdir()
    assert run(path, "--golden", folder).exit_code == 1
    assert run(path, "--golden", folder, "--update").exit_code == 0
    assert run(path, "--golden", folder).exit_code == 0
