"""Which bundle of playbooks decides. A change of it is in the log: it explains other behaviour."""

from __future__ import annotations

from dataclasses import replace

from controller.core.draft import Draft
from controller.core.state import Bundle, Config, JudgeState

SHOWN_DIGITS = 12


def bundle_of(config: Config) -> Bundle:
    return Bundle(config.bundle, {each.name: each.sha256 for each in config.playbooks})


def under_bundle(state: JudgeState) -> str:
    """For the sentence of an election; empty where the facts do not say the bundle."""
    config = state.config
    return f", under bundle {short(config.bundle)}" if config and config.bundle else ""


def note_first_bundle(state: JudgeState) -> JudgeState:
    """The record of the election names the first bundle; only others are news."""
    config = state.config
    if config is None or not config.bundle or state.bundle.sha256:
        return state
    return replace(state, bundle=bundle_of(config))


def tell_bundle(draft: Draft) -> None:
    """Record that another bundle decides than the log said last. Open incidents keep their text."""
    config, before = draft.state.config, draft.state.bundle
    if config is None or not config.bundle or config.bundle == before.sha256:
        return
    now = bundle_of(config)
    added = sorted(now.playbooks.keys() - before.playbooks.keys())
    removed = sorted(before.playbooks.keys() - now.playbooks.keys())
    changed = sorted(
        name
        for name in now.playbooks.keys() & before.playbooks.keys()
        if now.playbooks[name] != before.playbooks[name]
    )
    under_theirs = sorted(
        each.id
        for each in draft.state.incidents
        if now.playbooks.get(each.playbook.name) != each.playbook.sha256
    )
    parts = [("added", added), ("changed", changed), ("removed", removed)]
    what = ", ".join(f"{word} {', '.join(names)}" for word, names in parts if names)
    kept = f"; under their old text go on: {', '.join(under_theirs)}" if under_theirs else ""
    draft.state = replace(draft.state, bundle=now)
    draft.record(
        "loaded",
        f"bundle {short(now.sha256)} replaces {short(before.sha256)}: {what or 'the same'}{kept}",
        details={
            "bundle": now.sha256,
            "replaces": before.sha256,
            "added": added,
            "changed": changed,
            "removed": removed,
            "under_old_text": under_theirs,
            "playbooks": dict(sorted(now.playbooks.items())),
        },
    )


def short(sha256: str) -> str:
    return sha256[:SHOWN_DIGITS] or "none"
