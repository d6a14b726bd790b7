"""A stranger with one of our names is named, not imported by mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.errors import BadInput
from controller.origin import check_origin


def test_all_our_packages_come_from_one_folder() -> None:
    assert check_origin() == Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("shape", ["package", "namespace", "module"])
def test_an_intruder_is_named_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shape: str
) -> None:
    name = f"impostor_{shape}"
    if shape == "module":
        (tmp_path / f"{name}.py").touch()
    else:
        (tmp_path / name).mkdir()
    if shape == "package":
        (tmp_path / name / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(BadInput, match=name) as refused:
        check_origin(("controller", name))
    assert str(tmp_path) in str(refused.value)


def test_a_package_that_is_not_installed_is_no_intruder() -> None:
    check_origin(("controller", "not_installed_anywhere"))
