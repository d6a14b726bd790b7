"""Secrets come from the environment, or are made once and kept for their owner only."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from controller.errors import BadInput
from selfright.secret_file import SECRET_ENVS, load_or_make_secrets


def test_new_secrets_are_kept_with_owner_rights_only(tmp_path: Path) -> None:
    made = load_or_make_secrets(tmp_path, environ={})
    path = tmp_path / "run" / "secrets.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert set(made) == set(SECRET_ENVS)
    assert load_or_make_secrets(tmp_path, environ={}) == made


def test_the_environment_wins(tmp_path: Path) -> None:
    load_or_make_secrets(tmp_path, environ={})
    name = SECRET_ENVS[0]
    assert load_or_make_secrets(tmp_path, environ={name: "given"})[name] == "given"


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "secrets.json").write_text("{")
    with pytest.raises(BadInput, match="secrets.json"):
        load_or_make_secrets(tmp_path, environ={})
