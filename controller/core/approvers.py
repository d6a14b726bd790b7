"""Who may approve what: by the budget class of what is asked for, as data of the settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

MODELS = "models"
DEFAULT = "default"
OWNER = "owner"


@dataclass(frozen=True, slots=True)
class Approvers:
    """``roles``: role to names. ``by_class``: budget class (or ``default``) to names, roles, or
    ``owner``: the playbook's own. A class that is not named, without a default: everybody.
    """

    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    by_class: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def not_an_approver(
    approvers: Approvers, who: str, classes: Sequence[str], owner: str = ""
) -> str | None:
    """Why ``who`` may not decide on these classes (all of them are needed); None: they may."""
    for name in classes:
        allowed = _allowed(approvers, name, owner)
        if allowed is not None and who not in allowed:
            these = ", ".join(allowed) or "nobody"
            kind = "this" if name == DEFAULT else f"actions of class {name}"
            return f"{who} may not decide on {kind}; who may: {these}"
    return None


def _allowed(approvers: Approvers, name: str, owner: str) -> tuple[str, ...] | None:
    listed = approvers.by_class.get(name, approvers.by_class.get(DEFAULT))
    if listed is None:
        return None
    found: dict[str, None] = {}
    for each in listed:
        said = owner if each == OWNER else each
        if said:
            found.update(dict.fromkeys(approvers.roles.get(said, (said,))))
    return tuple(found)
