"""Every field of the plan has an owner, and an owner is somebody the records know."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from simulator.invariants.invariant import Change, Invariant, Plan
from simulator.invariants.story import Story

STAMP = {"format", "service", "epoch", "revision", "head", "at_s", "owners"}
"""What a plan says of itself: no wish of anybody."""
DERIVED = {"control_arm", "probe_per_s", "unit", "salt", "evaluation", "frozen"}
"""Follows from shares, settings or claims; `frozen` and `wanted` are looked at on their own."""
BY_ITSELF = ("baseline", "settings")
BY_NAME = ("promotion by ", "revert by ")


class FieldsHaveOwners(Invariant):
    """A field this file has never heard of needs an owner too."""

    name = "fields-have-owners"

    def __init__(self, playbooks: Sequence[str]) -> None:
        self._playbooks = frozenset(playbooks)

    def change(self, change: Change) -> Iterator[str]:
        plan = change.plan
        if not change.plan_changed or plan is None:
            return
        owners = plan["owners"]
        for name in fields(plan):
            if not owners.get(name):
                yield f"nobody owns {name}"
        for name, owner in owners.items():
            parts = owner.split(",") if name == "splits" else [owner]
            for part in parts:
                if not _is_known(part, change.story):
                    yield f"{name} is owned by {part!r}, which no record knows as open"
        for work in plan["wanted"]:
            if not self._may_want(work["owner"], change.story):
                yield f"work {work['id']} is wanted by {work['owner']!r}, which no record knows"

    def _may_want(self, owner: str, story: Story) -> bool:
        """Work survives its incident; a page without data belongs to the playbook."""
        return owner in story.incidents or owner in story.ended or owner in self._playbooks


def fields(plan: Plan) -> Iterator[str]:
    """Names of all that somebody must own: scalars by their key, arms field by field."""
    for name, arm in plan["arms"].items():
        yield from (f"arms.{name}.{part}" for part in arm)
    if plan["splits"]:
        yield "splits"
    yield from sorted(set(plan) - STAMP - DERIVED - {"arms", "splits", "wanted"})


def _is_known(owner: str, story: Story) -> bool:
    if owner in BY_ITSELF or owner in story.incidents:
        return True
    if owner in story.overrides:
        return any(claim["owner"] == owner for claim in story.claims)
    return any(
        owner.removeprefix(words) in story.promoters for words in BY_NAME if owner.startswith(words)
    )
