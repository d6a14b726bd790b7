"""An explanation becomes one record of its incident. It never delays or changes an action."""

from __future__ import annotations

from dataclasses import replace

from controller.core.causes import CAUSES_LIMIT, SENTENCE_LIMIT, Cause
from controller.core.draft import Draft
from controller.core.facts import Explained
from controller.core.wording import cause_text

EXPLAINED = "explained"
"""The phase of the record; the incident's own phase stays."""


def bounded(fact: Explained) -> Explained:
    """With no more and no longer causes than the state has room for."""
    return replace(fact, causes=tuple(_cut(each) for each in fact.causes[:CAUSES_LIMIT]))


def take_explanation(draft: Draft, fact: Explained) -> None:
    """Write it down once. An incident that has ended, or was never there, needs none."""
    incident = next((each for each in draft.state.incidents if each.id == fact.incident), None)
    if incident is None or incident.explained:
        return
    known = replace(incident, explained=True)
    draft.put(known)
    draft.record(
        EXPLAINED,
        f"{known.id} {cause_text(fact.verdict, fact.causes)}",
        incident=known,
        details={
            "verdict": fact.verdict,
            "causes": [
                {
                    "kind": each.kind,
                    "what": each.what,
                    "share": each.share,
                    "support": each.support,
                    "sentence": each.sentence,
                }
                for each in fact.causes
            ],
        },
    )


def _cut(cause: Cause) -> Cause:
    what, sentence = cause.what[:SENTENCE_LIMIT], cause.sentence[:SENTENCE_LIMIT]
    if (what, sentence) == (cause.what, cause.sentence):
        return cause
    return replace(cause, what=what, sentence=sentence)
