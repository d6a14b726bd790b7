"""The keys of a playbook, of a move and of `guards`, as data: reader, schema and README use it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Key:
    """``says`` is one line for people, as the README has it."""

    says: str
    required: bool = False


KEYS: Mapping[str, Key] = {
    "version": Key("`1`", required=True),
    "playbook": Key(
        "its name: lower-case letters, digits, `-`, `_`; unique in the folder", required=True
    ),
    "owner": Key("who is asked about it", required=True),
    "why": Key("a sentence for whoever is on call", required=True),
    "for_each": Key(
        "`arm` or `feature_group`: one incident for each, with `$arm` or `$feature_group` bound"
    ),
    "when": Key("a condition or a tree of them", required=True),
    "no_data": Key("`hold`, `act` or `escalate`: what to do when it cannot be told", required=True),
    "do": Key("the first rung: a list of moves", required=True),
    "otherwise": Key("the next rungs, each a list of moves (`- - shed: …`)"),
    "clear_when": Key(
        "a condition or a tree: the incident is over, changes are taken back", required=True
    ),
    "guards": Key("reasons not to act now, see below"),
}

MOVE_KEYS: Mapping[str, Key] = {
    "expect": Key("CONDITION within DURATION: what the action is expected to bring about"),
    "else": Key("where it does not: `next` rung, `undo` what was done, or `keep` it"),
}
ELSE = ("next", "undo", "keep")

GUARDS: Mapping[str, Key] = {
    "autonomy": Key("`shadow` (log only), `suggest`, `approve` (a person agrees first), `auto`"),
    "cooldown": Key(
        "least time between two incidents that act, up to `30d`; not shorter than all verifications"
        " together"
    ),
    "budget": Key(
        "at most so many rungs (up to 64) in any such span (up to `30d`); survives restarts"
    ),
    "excludes": Key("exclusion groups: while another incident acts in one, this one waits"),
    "priority": Key("0 to 100; the higher one wins a field of the plan"),
}
MOST_EXCLUDES = 8
