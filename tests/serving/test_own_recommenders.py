"""A recommender of the user's own, named by its dotted path in the settings."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from controller.errors import BadInput
from controller.settings import Arm, Settings
from models.artifact import Trained
from serving.arm_call import ArmQuery
from serving.own_recommenders import arms_without_versions, models_of, open_registry
from tests.serving.router_rig import Rig, good

EXAMPLE = "examples.own_recommender:RecentFirst"
QUERY = ArmQuery(bytes(16), 7, 3, wants_inputs=True)
RANKER = """
class Ranker:
    kind = "my-ranker"
    def __init__(self, version, items):
        self.version, self.items = version, items
    @classmethod
    def from_arrays(cls, version, arrays, parameters):
        return cls(version, tuple(str(item) for item in arrays["items"]))
    def recommend(self, user_id, k, features):
        from models.recommender import Scored
        return Scored(self.items[:k], (1.0,) * len(self.items[:k]), {})
"""


def with_primary(data_dir: Path, path: str) -> Settings:
    arms = {"primary": Arm(share=1.0, recommender=path), "fallback": Arm(in_process=True)}
    return Settings(data_dir=data_dir, arms=arms)


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Writes a module that settings can name, and returns its name."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(text: str) -> str:
        name = f"shop_{abs(hash(text))}"
        (tmp_path / f"{name}.py").write_text(text)
        importlib.invalidate_caches()
        return name

    return write


def test_the_example_answers_users_behind_the_router(trained_dir: Path) -> None:
    async def scenario() -> None:
        settings = with_primary(trained_dir, EXAMPLE)
        models = models_of(settings, ("primary", "fallback"))
        assert set(models.load({})) == {"primary", "fallback"}
        rig = Rig(trained_dir, good, models=models)
        answer = (await rig.post("/recommend", {"user_id": "u1", "k": 3})).json
        assert (answer["served_by"], answer["model_version"]) == ("primary", "recent-first-1")
        assert len(answer["items"]) == 3
        (row,) = rig.rows()
        assert row["inputs"] == [{"feature": "recent_items", "value": 0.0}]

    asyncio.run(scenario())


def test_what_is_made_and_not_loaded_serves_whatever_version_is_wanted(tmp_path: Path) -> None:
    settings = with_primary(tmp_path, EXAMPLE)
    assert arms_without_versions(settings) == {"primary"}
    models = models_of(settings, ("primary",))
    assert models.load({"primary": "primary-20270115T080000-abcdef01"}) == ("primary",)
    assert models.load({"primary": "latest"}) == (), "it is made once"
    assert models.version("primary") == "recent-first-1"


def test_a_kind_of_ones_own_is_loaded_by_version(
    tmp_path: Path, module: Callable[[str], str]
) -> None:
    settings = with_primary(tmp_path, f"{module(RANKER)}:Ranker")
    assert arms_without_versions(settings) == frozenset()
    trained = Trained("my-ranker", {"items": np.array(["a", "b", "c", "d"])}, {}, (), {})
    version = open_registry(settings).register(trained, arm="primary", now_s=1.0)
    models = models_of(settings, ("primary",))
    assert models.load({"primary": "latest"}) == ("primary",)
    assert models.version("primary") == version
    assert models.answer("primary", QUERY).item_ids == ("a", "b", "c")


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        ("", "Ranker", "has no class 'Ranker'"),
        ("Ranker = 7", "Ranker", "has no class 'Ranker'"),
        ("class Ranker: version = '1'", "Ranker", "has no method `recommend`"),
        ("class Ranker:\n def ", "Ranker", "SyntaxError"),
        ("raise SystemError('no\\nlicence')", "Ranker", "SystemError: no licence"),
        (RANKER.replace('kind = "my-ranker"', ""), "Ranker", "names its `kind`"),
        (RANKER.replace("my-ranker", "popularity"), "Ranker", "another recommender's"),
    ],
)
def test_a_path_that_leads_to_no_recommender_is_one_line(
    tmp_path: Path, module: Callable[[str], str], text: str, name: str, said: str
) -> None:
    with pytest.raises(BadInput) as refused:
        open_registry(with_primary(tmp_path, f"{module(text)}:{name}"))
    line = str(refused.value)
    assert line.startswith("arms.primary.recommender: ")
    assert said in line
    assert "accepted" in line
    assert "\n" not in line


@pytest.mark.parametrize("path", ["shop", "shop:", ":Ranker", "shop/ranker:Ranker", "a:b:c"])
def test_settings_refuse_what_is_no_path(path: str) -> None:
    with pytest.raises(ValidationError, match="recommender"):
        Arm(recommender=path)
    with pytest.raises(ValidationError, match="accepted: one of them"):
        Arm(recommender="shop:Ranker", url="http://h/x")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("class Ranker:\n def recommend(self, *_): return 1", "`version` is None"),
        (
            "class Ranker:\n version = '1'\n def __init__(self, x): ...\n recommend = print",
            "TypeError",
        ),
        ("class Ranker:\n version = '1'\n def recommend(self, *_): 1 / 0", "ZeroDivisionError"),
    ],
)
def test_one_that_cannot_be_made_or_fails_everybody_serves_nobody(
    tmp_path: Path,
    module: Callable[[str], str],
    caplog: pytest.LogCaptureFixture,
    text: str,
    said: str,
) -> None:
    models = models_of(with_primary(tmp_path, f"{module(text)}:Ranker"), ("primary",))
    assert models.load({}) == ()
    assert "primary" not in models
    assert said in caplog.text
