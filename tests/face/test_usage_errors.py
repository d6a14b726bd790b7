"""A wrong option, and a folder for a file, are one line each and exit code 2."""

from __future__ import annotations

import sys

import pytest

from selfright.command import main


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["simulate", "--seed", "-1"], "--seed: "),
        (["simulate", "--sed", "1"], "--sed"),
        (["simulate", "."], "is a folder"),
        (["simulate", "slow-primary", "--playbooks", "nowhere"], "--playbooks: "),
    ],
)
def test_wrong_input_is_one_line(
    arguments: list[str],
    named: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["selfright", *arguments])
    with pytest.raises(SystemExit) as exit_:
        main()
    said = capsys.readouterr()
    assert named in said.out + said.err
    assert len((said.out + said.err).splitlines()) == 1
    assert exit_.value.code == 2
