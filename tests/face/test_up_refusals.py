"""What `selfright up` refuses: one line, exit code 2, and nothing is left behind."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.settings import REDIS_PASSWORD_ENV
from selfright.stack.redis_server import EmbeddedRedis

COMMAND = str(Path(sys.executable).parent / "selfright")


def _up(folder: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, "up", *words],
        cwd=folder,
        env={**os.environ, "NO_COLOR": "1", **environ},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _assert_refused(done: subprocess.CompletedProcess[str], folder: Path, *expected: str) -> None:
    assert done.returncode == 2, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if "shipped playbooks" not in line]
    for text in expected:
        assert text in line
    assert not (folder / ".selfright").exists()


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_port_that_is_taken(tmp_path: Path, taken_port: int) -> None:
    done = _up(tmp_path, "--port", str(taken_port))
    _assert_refused(done, tmp_path, f"port {taken_port}", "taken", "accepted: a free port")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param(("--port", "99999"), ("endpoints.http_port", "65535"), id="no port"),
        pytest.param(("--kafka", "foo bar"), ("endpoints.kafka", "HOST:PORT"), id="kafka"),
        pytest.param(
            ("--redis", "redis://:secret@h:1/0"),
            ("endpoints.redis", "without a password"),
            id="a password in the address",
        ),
        pytest.param(("--ray", "x y"), ("endpoints.ray", "HOST:PORT"), id="ray"),
        pytest.param(("--ratings", "no.csv"), ("no.csv", "cannot be read"), id="no ratings file"),
        pytest.param(("--settings", "no.yaml"), ("no.yaml", "cannot be read"), id="no settings"),
    ],
)
def test_bad_words(tmp_path: Path, words: tuple[str, ...], expected: tuple[str, ...]) -> None:
    done = _up(tmp_path, *words)
    _assert_refused(done, tmp_path, *expected)
    assert "secret" not in done.stderr


def test_a_malformed_ratings_file_is_named_with_line_and_field(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text("userId,movieId,rating,timestamp\n1,2,x,3\n", encoding="utf-8")
    _assert_refused(_up(tmp_path, "--ratings", "r.csv"), tmp_path, "r.csv:2: rating: 'x'")


def test_a_playbook_with_an_error_is_named(tmp_path: Path) -> None:
    (tmp_path / "playbooks").mkdir()
    path = tmp_path / "playbooks" / "bad.yaml"
    path.write_text("version: 1\nplaybook: bad\n", encoding="utf-8")
    _assert_refused(_up(tmp_path), tmp_path, "bad.yaml:1: owner: is missing")


def test_a_settings_file_that_names_no_folder_of_playbooks(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("version: 1\nplaybooks: nowhere\n", encoding="utf-8")
    done = _up(tmp_path, "--settings", "s.yaml")
    _assert_refused(done, tmp_path, "nowhere: no such folder")


def test_a_recommender_that_cannot_be_imported(tmp_path: Path) -> None:
    arms = "{primary: {share: 1.0, recommender: 'no_such_shop:Ranker'}, fallback: {}}"
    (tmp_path / "s.yaml").write_text(f"version: 1\narms: {arms}\n", encoding="utf-8")
    done = _up(tmp_path, "--settings", "s.yaml")
    _assert_refused(done, tmp_path, "arms.primary.recommender", "no_such_shop", "accepted")


@pytest.mark.live
def test_a_wrong_redis_password(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    redis = EmbeddedRedis(tmp_path_factory.mktemp("redis"), password="right")
    redis.start()
    try:
        done = _up(tmp_path, "--redis", redis.url, **{REDIS_PASSWORD_ENV: "wrong"})
    finally:
        redis.stop()
    _assert_refused(done, tmp_path, REDIS_PASSWORD_ENV, "refuses the password")
