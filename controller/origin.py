"""Do all our packages come from one folder? Plain names can be shadowed by strangers."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

from controller.errors import BadInput

PACKAGES = ("selfright", "simulator", "serving", "models", "controller", "playbooks")


def check_origin(packages: Sequence[str] = PACKAGES) -> Path:
    """The one parent folder of all packages that can be imported.

    Raise BadInput naming the package that comes from elsewhere. A package that is not installed
    at all (a slim image may leave some out) is no intruder.
    """
    home = Path(__file__).resolve().parent.parent
    for package in packages:
        spec = importlib.util.find_spec(package)
        if spec is None:
            continue
        found = {Path(place).resolve().parent for place in spec.submodule_search_locations or ()}
        if spec.origin is not None and not found:
            found = {Path(spec.origin).resolve().parent}
        strangers = found - {home}
        if strangers:
            raise BadInput(
                f"package {package!r} comes from {sorted(map(str, strangers))[0]}, "
                f"all of ours must come from {home}; rename or uninstall the other one"
            )
    return home
