"""What a deployment needs before its services start, made once."""

from __future__ import annotations

import pytest

from controller.settings import Endpoints, Settings
from models.registry import Registry
from selfright.stack.broker import EmbeddedBroker
from selfright.stack.prepare import main, prepare
from selfright.stack.redis_server import EmbeddedRedis

pytestmark = pytest.mark.live


@pytest.fixture
def settings(tmp_path, monkeypatch):
    broker, redis = EmbeddedBroker(tmp_path), EmbeddedRedis(tmp_path)
    monkeypatch.setenv("SELFRIGHT_REDIS_PASSWORD", redis.password)
    monkeypatch.setenv("SELFRIGHT_TOKEN_KEY", "a key of a test")
    try:
        broker.start()
        redis.start()
        endpoints = Endpoints(kafka=broker.bootstrap, redis=redis.url)
        yield Settings(data_dir=tmp_path / "data", endpoints=endpoints)
    finally:
        redis.stop()
        broker.stop()


def test_a_fresh_deployment_gets_models_for_its_arms_and_a_second_run_changes_nothing(settings):
    prepare(settings, ratings=None, seed=1)
    registry = Registry(settings.data_dir / "artifacts")
    versions = {arm: registry.latest(arm) for arm in settings.arms}
    assert all(versions.values())
    prepare(settings, ratings=None, seed=2)
    assert {arm: registry.latest(arm) for arm in settings.arms} == versions


def test_a_wrong_password_is_one_line_and_changes_nothing(settings, monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("SELFRIGHT_REDIS_PASSWORD", "wrong")
    path = tmp_path / "settings.json"
    path.write_text(settings.model_dump_json())
    assert main(["--settings", str(path)]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "SELFRIGHT_REDIS_PASSWORD" in error
    assert not settings.data_dir.exists()


def test_without_a_token_key_nothing_is_prepared(settings, monkeypatch, tmp_path, capsys):
    monkeypatch.delenv("SELFRIGHT_TOKEN_KEY")
    path = tmp_path / "settings.json"
    path.write_text(settings.model_dump_json())
    assert main(["--settings", str(path)]) == 2
    assert "SELFRIGHT_TOKEN_KEY" in capsys.readouterr().err
    assert not settings.data_dir.exists()
