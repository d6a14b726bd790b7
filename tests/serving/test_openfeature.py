"""The plan as an OpenFeature flag."""

from __future__ import annotations

import importlib
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.core.plan import ArmPlan, EvaluationPlan, Split
from controller.settings import TOKEN_KEY_ENV
from tests.serving.beside_rig import KEY, Beside

pytest.importorskip("openfeature", reason="the extra `openfeature` is not installed")

from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode

from serving.beside.openfeature_provider import SelfrightProvider

HALVES = {"primary": ArmPlan("v", 0.5), "fallback": ArmPlan("v", 0.5)}
Asked = tuple[Beside, OpenFeatureClient]


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[Asked]:
    beside = Beside(tmp_path)
    api.set_provider_and_wait(SelfrightProvider(beside.attached))
    yield beside, api.get_client()
    api.shutdown()


def test_units_are_split_as_the_plan_says_and_keep_their_arm(asked: Asked) -> None:
    beside, client = asked
    plan = beside.publish(arms=HALVES)
    contexts = [EvaluationContext(f"user-{i}") for i in range(400)]
    arms = [client.get_string_value("arm", "none", context) for context in contexts]
    assert arms == [client.get_string_value("arm", "none", context) for context in contexts]
    assert 150 < Counter(arms)["primary"] < 250
    details = client.get_string_details("arm", "none", contexts[0])
    assert (details.variant, details.reason) == (arms[0], "SPLIT")
    assert details.flag_metadata["plan_revision"] == plan.revision
    assert details.flag_metadata["chance"] == 0.5
    sticky = [beside.attached.request(f"user-{i}", sticky=True).arm for i in range(400)]
    assert sticky == arms, "what telemetry tells is what the flag said"


def test_a_dead_arm_is_nobodys_from_the_next_plan_on(asked: Asked) -> None:
    beside, client = asked
    beside.publish(arms={"primary": ArmPlan("v", 0.0), "fallback": ArmPlan("v", 1.0)})
    arms = {client.get_string_value("arm", "", EvaluationContext(f"u{i}")) for i in range(50)}
    assert arms == {"fallback"}


def test_segments_of_the_settings_count_and_other_attributes_are_the_applications(
    asked: Asked,
) -> None:
    beside, client = asked
    beside.publish(splits=(Split({"platform": "ios"}, {"fallback": 1.0}),))

    def arm(**attributes: str | int) -> str:
        return client.get_string_value("arm", "", EvaluationContext("ada", attributes))

    assert arm(platform="ios", plan="premium", age=7) == "fallback"
    assert arm(platform="web") == arm(platform="amiga") == arm(platform=7) == "primary"


def test_who_asks_wrongly_gets_the_default_and_the_reason(asked: Asked) -> None:
    _, client = asked
    ada = EvaluationContext("ada")
    wrong = [
        (client.get_string_details("arm", "none"), ErrorCode.TARGETING_KEY_MISSING),
        (client.get_string_details("colour", "none", ada), ErrorCode.FLAG_NOT_FOUND),
        (client.get_boolean_details("arm", True, ada), ErrorCode.TYPE_MISMATCH),
        (client.get_integer_details("arm", 3, ada), ErrorCode.TYPE_MISMATCH),
        (client.get_float_details("arm", 0.5, ada), ErrorCode.TYPE_MISMATCH),
        (client.get_object_details("arm", {"a": 1}, ada), ErrorCode.TYPE_MISMATCH),
        (client.get_object_details("colour", {"a": 1}, ada), ErrorCode.FLAG_NOT_FOUND),
    ]
    assert [details.error_code for details, _ in wrong] == [code for _, code in wrong]
    assert [details.value for details, _ in wrong] == ["none", "none", True, 3, 0.5] + [
        {"a": 1}
    ] * 2


@pytest.mark.parametrize(("unit", "stamp"), [("request", ""), ("user", "e-1")])
def test_only_an_evaluation_of_users_counts_sticky_requests(
    asked: Asked, unit: str, stamp: str
) -> None:
    beside, _ = asked
    evaluation = EvaluationPlan("e-1", ("primary", "fallback"), unit, 7, True)
    beside.publish(arms=HALVES, evaluation=evaluation)
    drawn = beside.attached.request("ada", sticky=True).drawn
    assert drawn is not None
    assert drawn.evaluation_id == stamp


def test_the_example_answers_though_nothing_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_KEY_ENV, KEY.decode())
    monkeypatch.setenv("SELFRIGHT_KAFKA", "127.0.0.1:1")
    monkeypatch.setenv("SELFRIGHT_REDIS", "redis://127.0.0.1:1/0")
    monkeypatch.delitem(sys.modules, "examples.openfeature_service", raising=False)
    example = importlib.import_module("examples.openfeature_service")
    assert example.recommend("ada") == example.recommend("ada")
    assert example.selfright._living().telemetry.waiting_rows() >= 2
    api.shutdown()
