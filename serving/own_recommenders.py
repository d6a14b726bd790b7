"""The recommenders that settings name by dotted path, ready for the registry and for arms."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from controller.errors import BadInput
from controller.settings import Settings
from models.errors import ModelError
from models.own_recommender import is_kind, recommender_class
from models.recommender import Kind
from models.registry import KINDS, Registry
from serving.loaded_models import LoadedModels


def own_recommenders(settings: Settings) -> dict[str, type[Any]]:
    """By arm. Raise BadInput, one line, for a path that leads to no recommender."""
    found = {}
    for name, arm in settings.arms.items():
        if arm.recommender:
            try:
                found[name] = recommender_class(arm.recommender)
            except ModelError as error:
                raise BadInput(str(error), field=f"arms.{name}.recommender") from error
    return found


def arms_without_versions(settings: Settings) -> frozenset[str]:
    """Arms whose recommender is made, not loaded from the registry. Raise BadInput."""
    return frozenset(arm for arm, own in own_recommenders(settings).items() if not is_kind(own))


def open_registry(settings: Settings) -> Registry:
    """The service's registry, which knows the user's own kinds, too. Raise BadInput."""
    kinds: dict[str, Kind] = dict(KINDS)
    for arm, own in own_recommenders(settings).items():
        if is_kind(own) and kinds.setdefault(own.kind, own.from_arrays) != own.from_arrays:
            raise BadInput(
                f"kind {own.kind!r} is another recommender's; accepted: a name of its own",
                field=f"arms.{arm}.recommender",
            )
    return Registry(settings.data_dir / "artifacts", kinds)


def models_of(settings: Settings, arms: Iterable[str]) -> LoadedModels:
    """Nothing is loaded yet. Raise BadInput."""
    made = {arm: own for arm, own in own_recommenders(settings).items() if not is_kind(own)}
    return LoadedModels(open_registry(settings), arms, made)
