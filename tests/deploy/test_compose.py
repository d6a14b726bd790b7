"""`docker-compose.yml`, its settings and its image, as far as they can be held without Docker."""

from __future__ import annotations

import copy
import importlib.util
import json
import os
import re
from pathlib import Path

import psutil
import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from controller.adapters.redis_store import check_store
from controller.errors import Rejected
from controller.settings_file import read_settings
from selfright.stack.child_process import ChildProcess, free_port
from selfright.stack.ready import why_not_ready
from selfright.stack.redis_server import find_server
from tests.adapters.polling import wait_until

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((Path(__file__).parent / "compose-spec.json").read_text())
OURS = ("prepare", "serving", "workers", "pipeline", "controller")
SECRETS = ("SELFRIGHT_REDIS_PASSWORD", "SELFRIGHT_TOKEN_KEY")


@pytest.fixture(scope="module")
def text() -> str:
    return (ROOT / "docker-compose.yml").read_text(encoding="utf-8")


@pytest.fixture
def compose(text):
    return YAML(typ="safe", pure=True).load(text)


def _errors(compose) -> list[str]:
    return [error.message for error in Draft202012Validator(SCHEMA).iter_errors(compose)]


def test_the_file_obeys_the_compose_schema(compose):
    Draft202012Validator.check_schema(SCHEMA)
    assert _errors(compose) == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda c: c["services"]["kafka"].update(helthcheck={}),
        lambda c: c["services"]["serving"]["depends_on"]["prepare"].update(condition="ready"),
        lambda c: c["services"].update({"bad name": {"image": "x"}}),
        lambda c: c["services"]["redis"]["healthcheck"].update(interval=2),
        lambda c: c.update(volume={}),
    ],
    ids=["unknown key", "unknown condition", "bad service name", "a number", "unknown section"],
)
def test_the_schema_would_find_a_mistake(compose, spoil):
    spoilt = copy.deepcopy(compose)
    spoil(spoilt)
    assert _errors(spoilt)


def test_every_service_is_there_and_has_a_health_check(compose):
    services = compose["services"]
    assert set(services) == {"kafka", "redis", *OURS}
    assert {n for n, s in services.items() if "healthcheck" not in s} == {"prepare"}


def test_who_waits_for_whom(compose):
    waits = {
        name: {on: how["condition"] for on, how in service.get("depends_on", {}).items()}
        for name, service in compose["services"].items()
    }
    assert waits == {
        "kafka": {},
        "redis": {},
        "prepare": {"kafka": "service_healthy", "redis": "service_healthy"},
        "serving": {"prepare": "service_completed_successfully"},
        "workers": {"serving": "service_healthy"},
        "pipeline": {"prepare": "service_completed_successfully"},
        "controller": {"prepare": "service_completed_successfully"},
    }


def test_only_loopback_is_published(compose):
    published = {n: s["ports"] for n, s in compose["services"].items() if "ports" in s}
    assert published == {"serving": ["127.0.0.1:8000:8000"]}


def test_secrets_come_from_the_environment_and_must_be_set(compose, text):
    for name in SECRETS:
        given = re.findall(rf"{name}: (.*)", text)
        assert given
        assert all(value.startswith("${" + name + ":?") for value in given)
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASSWORD|KEY|SECRET", name):
                assert value.startswith("${")
    # A command line shows in `ps`: there only the shell's own variable may stand.
    redis = compose["services"]["redis"]
    for words in (redis["command"], redis["healthcheck"]["test"]):
        assert "$$SELFRIGHT_REDIS_PASSWORD" in " ".join(words)
        assert "${SELFRIGHT_REDIS_PASSWORD" not in " ".join(words)


def test_redis_keeps_the_plan(compose):
    command = compose["services"]["redis"]["command"][-1]
    for line in ("appendonly yes", "appendfsync always", "maxmemory-policy noeviction"):
        assert f"'{line}'" in command
    assert compose["services"]["redis"]["volumes"] == ["redis:/data"]


@pytest.mark.live
def test_the_command_of_redis_starts_a_server_that_may_hold_the_plan(compose, tmp_path):
    """The very line of the file, with another program, folder and port."""
    port = free_port()
    line = compose["services"]["redis"]["command"][-1].replace("$$", "$")
    for ours, theirs in {
        "redis-server": str(find_server()),
        "dir /data": f"dir {tmp_path}",
        "port 6379": f"port {port}",
        "bind * -::*": "bind 127.0.0.1",
    }.items():
        assert ours in line
        line = line.replace(ours, theirs)
    server = ChildProcess(
        "redis",
        ["sh", "-c", line],
        tmp_path / "log",
        environment={"PATH": os.environ["PATH"], "SELFRIGHT_REDIS_PASSWORD": "a-password"},
    )
    try:
        server.start()
        wait_until(lambda: "Ready to accept" in server.log_tail(50), "Redis")
        assert check_store(f"redis://127.0.0.1:{port}/0", "a-password") == ()
        with pytest.raises(Rejected):
            check_store(f"redis://127.0.0.1:{port}/0", None)
        family = [psutil.Process(server.pid), *psutil.Process(server.pid).children(True)]
        assert not any("a-password" in " ".join(each.cmdline()) for each in family)
    finally:
        server.kill()


def test_every_volume_is_declared_and_every_mounted_file_is_there(compose):
    for service in compose["services"].values():
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            if source.startswith("."):
                assert (ROOT / source).is_file()
            else:
                assert source in compose["volumes"]


def test_every_command_of_ours_is_a_module_that_exists(compose):
    for name in OURS:
        command = compose["services"][name]["command"]
        assert command[:2] == ["python", "-m"]
        module = command[2]
        found = importlib.util.find_spec(module)
        assert found is not None
        if found.submodule_search_locations is not None:
            assert importlib.util.find_spec(f"{module}.__main__") is not None
        assert command[-2:] == ["--settings", "/etc/selfright/selfright.yaml"]


def test_the_settings_name_the_services_of_the_file(compose):
    settings = read_settings(ROOT / "selfright.compose.yaml", environ={})
    services = compose["services"]
    assert settings.endpoints.kafka == "kafka:9092"
    assert services["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"].endswith("kafka:9092")
    assert settings.endpoints.redis == "redis://redis:6379/0"
    assert str(settings.data_dir) == "/var/lib/selfright"
    assert f"{settings.endpoints.http_port}" in services["serving"]["healthcheck"]["test"][-1]
    assert f"{settings.endpoints.metrics_port}" in services["controller"]["healthcheck"]["test"][-1]


def test_the_image_holds_what_the_distribution_holds_and_runs_as_nobody_special():
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    copied = {
        word
        for line in re.findall(r"^COPY (?!--from)(.*)$", dockerfile, re.MULTILINE)
        for word in line.split()[:-1]
    }
    assert {line[1:] for line in ignored if line.startswith("!")} == copied
    assert all((ROOT / name).exists() for name in copied)
    assert "--require-hashes" in dockerfile
    assert re.findall(r"^USER (.*)$", dockerfile, re.MULTILINE)[-1] == "selfright"


def test_ready_is_said_only_of_a_process_that_lives(tmp_path):
    assert "no " in why_not_ready(tmp_path, "pipeline")
    ready = tmp_path / "run" / "pipeline.ready"
    ready.parent.mkdir()
    ready.write_text(json.dumps({"pid": os.getpid()}))
    assert why_not_ready(tmp_path, "pipeline") == ""
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    ready.write_text(json.dumps({"pid": child}))
    assert why_not_ready(tmp_path, "pipeline").endswith(f"its process {child} is gone")
    ready.write_text("{")
    assert "is not ready" in why_not_ready(tmp_path, "pipeline")
