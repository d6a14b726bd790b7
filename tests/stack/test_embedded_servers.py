"""The embedded broker and Redis: on loopback, secret kept, back on the same port."""

from __future__ import annotations

import shutil
import signal
import socket
from pathlib import Path

import psutil
import pytest

from controller.adapters.kafka_topics import is_reachable
from controller.adapters.redis_connection import connect
from controller.adapters.redis_store import check_store
from controller.errors import BadInput, Unavailable
from selfright.stack.broker import EmbeddedBroker
from selfright.stack.redis_server import EmbeddedRedis, find_server

pytestmark = pytest.mark.live
PASSWORD = "not-to-be-seen-anywhere"


@pytest.fixture
def redis(tmp_path):
    server = EmbeddedRedis(tmp_path, password=PASSWORD)
    yield server
    server.stop()


@pytest.fixture
def broker(tmp_path):
    broker = EmbeddedBroker(tmp_path)
    yield broker
    broker.stop()


def _listens_at(pid: int) -> set[str]:
    connections = psutil.Process(pid).net_connections("inet")
    return {each.laddr.ip for each in connections if each.status == psutil.CONN_LISTEN}


def test_redis_starts_ready_for_the_plan(redis):
    redis.start()
    assert redis.is_ready()
    assert check_store(redis.url, PASSWORD) == ()
    assert redis.memory_mb() > 1.0
    client = connect(redis.url, PASSWORD, 1.0)
    assert client.config_get("appendfsync") == {"appendfsync": "always"}
    assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    client.close()


def test_the_password_is_in_no_command_line_and_no_file(redis, tmp_path):
    redis.start()
    assert PASSWORD not in " ".join(psutil.Process(redis.pid).cmdline())
    assert PASSWORD not in redis.url
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert [path for path in files if PASSWORD.encode() in path.read_bytes()] == []


def test_redis_listens_on_loopback_only(redis):
    redis.start()
    assert _listens_at(redis.pid) == {"127.0.0.1"}


@pytest.mark.kills
def test_redis_keeps_what_it_answered_over_a_crash_and_its_port(redis):
    redis.start()
    port = redis.port
    client = connect(redis.url, PASSWORD, 1.0)
    client.set("key", "value")
    redis.kill()
    assert (redis.is_running(), redis.exit_code) == (False, -signal.SIGKILL)
    redis.start()
    assert redis.port == port
    assert client.get("key") == b"value"
    client.close()


def test_redis_makes_up_a_password_of_its_own(tmp_path):
    first, second = EmbeddedRedis(tmp_path), EmbeddedRedis(tmp_path)
    assert len(first.password) >= 24
    assert first.password != second.password


@pytest.mark.parametrize("password", ['a"b', "a\nb", "a\\b"])
def test_a_password_that_would_break_the_configuration_is_bad_input(tmp_path, password):
    with pytest.raises(BadInput, match="SELFRIGHT_REDIS_PASSWORD"):
        EmbeddedRedis(tmp_path, password=password)


def test_a_taken_port_is_named_and_nothing_is_left_running(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        before = {child.pid for child in psutil.Process().children()}
        for server in (EmbeddedRedis(tmp_path, port), EmbeddedBroker(tmp_path, port)):
            with pytest.raises(BadInput, match=f"port {port} of .* is taken"):
                server.start()
            assert server.pid is None
        assert {child.pid for child in psutil.Process().children()} == before


def test_a_server_that_cannot_start_says_why_and_leaves_nothing(tmp_path, redis):
    (tmp_path / "redis").mkdir()
    (tmp_path / "redis" / "appendonlydir").write_text("in the way")
    with pytest.raises(Unavailable, match="Redis ended with 1 at its start"):
        redis.start()
    assert redis.pid is None


def test_a_server_on_the_path_is_preferred_else_the_wheel_has_one(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert find_server().name == "valkey-server"
    monkeypatch.setattr(
        shutil, "which", lambda name: f"/usr/bin/{name}" if name == "valkey-server" else None
    )
    assert find_server() == Path("/usr/bin/valkey-server")


def test_the_broker_listens_on_loopback_only(broker):
    broker.start()
    assert broker.is_ready()
    assert _listens_at(broker.pid) == {"127.0.0.1"}
    assert broker.memory_mb() > 1.0


@pytest.mark.kills
def test_a_recycled_broker_is_another_process_at_the_same_address(broker):
    broker.start()
    pid, bootstrap = broker.pid, broker.bootstrap
    broker.recycle()
    assert broker.pid not in (None, pid)
    assert broker.bootstrap == bootstrap
    assert not psutil.pid_exists(pid)
    broker.kill()
    assert not is_reachable(bootstrap)
    assert broker.exit_code == -signal.SIGKILL
