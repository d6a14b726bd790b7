"""Asking a person. An approval expires; until evaluations exist, `evaluate` asks to promote."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from controller.core.baseline import promote, promote_refused, revert, swap
from controller.core.draft import Draft
from controller.core.guards import frozen
from controller.core.playbook import Evaluate, Promote, Revert
from controller.core.state import APPROVALS_LIMIT, Approval, Incident

PROMOTIONS = "promotions"


def ask(
    draft: Draft,
    kind: Literal["act", "promote", "swap", "revert"],
    id_: str,
    incident: str,
    sentence: str,
    *,
    playbook: str = "",
    to: str = "",
    version: str = "",
    arm: str = "",
) -> Approval:
    """Want a person's word, and tell them. The caller records why."""
    approval = Approval(
        id=id_,
        kind=kind,
        asked_at_s=draft.at_s,
        expires_at_s=draft.at_s + draft.settings.approval_expires_s,
        incident=incident,
        sentence=sentence,
        playbook=playbook,
        version=version,
        arm=arm,
    )
    others = tuple(each for each in draft.state.approvals if each.id != id_)
    draft.state = replace(draft.state, approvals=(*others, approval)[-APPROVALS_LIMIT:])
    draft.page(
        f"{sentence}; approve or reject {id_}",
        owner=incident,
        to=to or "operators",
        playbook=playbook,
    )
    return approval


def ask_for_action(draft: Draft, incident: Incident, action: Promote | Evaluate | Revert) -> str:
    """Ask for a promote, evaluate or revert. Return why it cannot be asked, or ``""``."""
    kind: Literal["promote", "swap", "revert"] = "promote"
    version, arm = "", ""
    match action:
        case Promote() if action.arm is not None:
            kind, arm, sentence = "swap", action.arm, f"promote arm {action.arm}"
        case Promote():
            version, arm = action.version or "", action.into or ""
            sentence = f"promote {version} into {arm}"
        case Evaluate():
            version, arm = action.candidate or "", action.arm
            sentence = f"promote {version} into {arm} (evaluations are decided by a person)"
        case Revert():
            kind, arm, sentence = "revert", action.arm, "revert the last promotion"
    refused = promote_refused(draft.baseline, version, arm) if kind == "promote" else ""
    if kind == "revert" and not draft.baseline.history:
        refused = "there is no promotion to revert"
    if not refused:
        ask(
            draft,
            kind,
            f"{incident.id}-{kind}",
            incident.id,
            f"{incident.playbook.name} asks to {sentence}",
            playbook=incident.playbook.name,
            to=incident.playbook.owner,
            version=version,
            arm=arm,
        )
    return refused


def carry_out_promotion(draft: Draft, approval: Approval, who: str) -> str:
    """Change the baseline as approved and record it. Return why not, or ``""``."""
    stopped = frozen(draft.state, PROMOTIONS)
    if stopped is not None:
        return stopped.sentence
    baseline = draft.baseline
    match approval.kind:
        case "promote":
            refused = promote_refused(baseline, approval.version, approval.arm)
            if refused:
                return refused
            old = baseline.arms[approval.arm].version
            after = promote(baseline, approval.version, approval.arm, who, draft.at_s)
            said = (
                f"{approval.version} is promoted into {approval.arm} by {who}; "
                f"{old} stays as arm holdback"
            )
        case "swap":
            if approval.arm not in baseline.arms:
                return f"{approval.arm!r} is not an arm"
            after = swap(baseline, approval.arm, who, draft.at_s)
            said = f"arm {approval.arm} is promoted by {who}: the baseline shares are swapped"
        case "revert":
            if not baseline.history:
                return "there is no promotion to revert"
            after = revert(baseline, who)
            said = f"the last promotion is reverted by {who}"
        case "act":
            return f"{approval.id} asks for an action, not for a promotion"
    draft.state = replace(draft.state, baseline=after)
    draft.record(
        "promoted",
        said,
        details={
            "approval": approval.id,
            "version": approval.version,
            "arm": approval.arm,
            "who": who,
        },
    )
    return ""


def withdraw(draft: Draft, approval: Approval) -> None:
    left = tuple(each for each in draft.state.approvals if each.id != approval.id)
    draft.state = replace(draft.state, approvals=left)
