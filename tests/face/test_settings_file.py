"""A settings file is read whole or refused in one located line."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.core.limits import Cap, Rate
from controller.errors import BadInput
from controller.settings import Settings
from controller.settings_file import read_settings, resolve


def _file(folder: Path, text: str) -> Path:
    path = folder / "selfright.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_an_empty_mapping_with_a_version_gives_the_defaults(tmp_path: Path) -> None:
    settings = read_settings(_file(tmp_path, "version: 1\n"), environ={})
    assert set(settings.arms) == {"primary", "fallback"}


def test_a_cap_on_all_services_reaches_the_judge(tmp_path: Path) -> None:
    text = "version: 1\nlimits: {all_services: {name: everyone, actions: 30 per 1h}}\n"
    limits = read_settings(_file(tmp_path, text), environ={}).limits
    assert limits.for_judge().all_services == Cap("everyone", Rate(30, 3_600.0))


def test_paths_start_at_the_files_folder(tmp_path: Path) -> None:
    settings = read_settings(_file(tmp_path, "version: 1\ndata_dir: data\n"), environ={})
    assert settings.data_dir == tmp_path / "data"


def test_the_environment_names_existing_endpoints(tmp_path: Path) -> None:
    path = _file(tmp_path, "version: 1\nendpoints: {kafka: 'a:1'}\n")
    settings = read_settings(path, environ={"SELFRIGHT_KAFKA": "b:2"})
    assert settings.endpoints.kafka == "b:2"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "version: 1\nservise: x\n", ":2: servise: unknown field; accepted: ", id="unknown field"
        ),
        pytest.param(
            "version: 1\narms:\n  primary:\n    shar: 1\n",
            ":4: arms.primary.shar: unknown field",
            id="unknown nested field",
        ),
        pytest.param(
            "version: 1\ncontrol_share: 2\n",
            ":2: control_share: Input should be less than or equal to 1",
            id="share above one",
        ),
        pytest.param(
            "version: 2\n", ":1: version: Input should be 1", id="version of another release"
        ),
        pytest.param(
            "version: 1\narms: {fallback: {share: 0.5}}\n",
            "the shares of all arms must sum to 1",
            id="shares that do not sum",
        ),
        pytest.param(
            "version: 1\nlimits:\n  all_services: {name: all, actions: 3 per 31d}\n",
            "'3 per 31d' spans more than 30d; accepted: up to 30d",
            id="a cap over too long a span",
        ),
        pytest.param(
            "version: 1\nlimits:\n  all_services: {actions: 3 per 1h}\n",
            "limits.all_services.name: ",
            id="a cap without a name",
        ),
        pytest.param("a: [1\n", "is not YAML", id="not yaml"),
        pytest.param(
            "version: 1\napproval_roles: {modles: [ada]}\n", ":2: approval_roles", id="no class"
        ),
        pytest.param(
            "version: 1\napproval_roles: {models: []}\n", ":2: approval_roles", id="nobody at all"
        ),
        pytest.param(
            "version: 1\napprovers: {owner: [ada]}\n", "means a playbook's owner", id="owner"
        ),
        pytest.param("- 1\n", "must be a mapping", id="a list"),
        pytest.param("version: 1\nservice: 3\n", ":2: service: Input should be a", id="wrong type"),
    ],
)
def test_bad_settings_get_one_located_line(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(BadInput) as refused:
        read_settings(_file(tmp_path, text), environ={})
    assert expected in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="nothere.yaml"):
        read_settings(tmp_path / "nothere.yaml", environ={})


def test_the_sample_file_says_the_defaults() -> None:
    root = Path(__file__).parent.parent.parent
    sample = read_settings(root / "selfright.yaml", environ={})
    assert sample == resolve(Settings(), root, environ={})
