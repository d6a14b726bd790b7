"""A recommender of one's own, by the dotted path of its class: ``my_shop.ranking:Ranker``.

A class with ``from_arrays`` is a `Kind`: its versions are kept in the registry. Any other is made
without arguments, once per process, and says its own ``version``.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, cast

from models.errors import ModelError
from models.recommender import Recommender

ACCEPTED = (
    "accepted: MODULE:CLASS, installed or on PYTHONPATH, with recommend(user_id, k, features)"
)


class BadRecommender(ModelError):
    """The path leads to nothing that could recommend; ``str()`` says why."""


def recommender_class(path: str) -> type[Any]:
    """The class. Raise BadRecommender: not importable, no class, or none that recommends."""
    module_name, _, name = path.partition(":")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        raise BadRecommender(f"{path}: {_line(error)}; {ACCEPTED}") from error
    found = getattr(module, name, None)
    if not isinstance(found, type):
        raise BadRecommender(f"{path}: {module_name} has no class {name!r}; {ACCEPTED}")
    if not callable(getattr(found, "recommend", None)):
        raise BadRecommender(f"{path}: the class has no method `recommend`; {ACCEPTED}")
    if is_kind(found) and not isinstance(getattr(found, "kind", None), str):
        raise BadRecommender(f"{path}: a class with `from_arrays` names its `kind`; {ACCEPTED}")
    return found


def is_kind(found: type[Any]) -> bool:
    """Whether it is made from the arrays of a registered version."""
    return callable(getattr(found, "from_arrays", None))


def make_recommender(found: Callable[[], object]) -> Recommender:
    """One instance. Raise BadRecommender if it cannot be made or does not say its version."""
    try:
        made = found()
    except Exception as error:
        raise BadRecommender(f"{_name(found)}(): {_line(error)}") from error
    version = getattr(made, "version", None)
    if not isinstance(version, str) or not version:
        raise BadRecommender(f"{_name(found)}: `version` is {version!r}; accepted: a text")
    return cast(Recommender, made)


def _name(found: Callable[[], object]) -> str:
    return str(getattr(found, "__qualname__", found))


def _line(error: Exception) -> str:
    said = " ".join(str(error).split())[:200]
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
