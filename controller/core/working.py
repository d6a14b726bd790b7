"""Work that was wanted: done, failed or run out; and what comes `then`."""

from __future__ import annotations

from dataclasses import replace

from controller.core.approvals import ask
from controller.core.baseline import promote_refused
from controller.core.draft import PAGE_CHANNEL, Draft
from controller.core.facts import WorkDone
from controller.core.plan import Work


def take_result(draft: Draft, result: WorkDone) -> None:
    """Stop wanting it, and go on with its `then`. Results nobody waits for are ignored."""
    work = next((each for each in draft.state.wanted if each.id == result.work_id), None)
    if work is None:
        return
    _forget(draft, work)
    detail = f": {result.detail}" if result.detail else ""
    version = f", version {result.version}" if result.version else ""
    said = f"{work.kind} {work.id} is {result.status}{version}{detail}"
    if result.status != "done":
        # A page that cannot be sent must not want another page.
        if work.kind not in ("notify", "webhook"):
            draft.page(said, owner=work.owner, to="operators", playbook=work.playbook)
    elif work.then == "evaluate":
        said = f"{said}; {_ask_to_promote(draft, work, result.version)}"
    draft.record(
        "work",
        said,
        details={
            "work": work.id,
            "kind": work.kind,
            "status": result.status,
            "version": result.version,
        },
    )


def expire_work(draft: Draft) -> None:
    """Work nobody did in time is no longer wanted, and that is said."""
    for work in draft.state.wanted:
        if draft.at_s < work.expires_at_s:
            continue
        _forget(draft, work)
        said = f"{work.kind} {work.id} ran out: nobody did it in time"
        if work.arguments.get("channel") != PAGE_CHANNEL:
            draft.page(said, owner=work.owner, to="operators", playbook=work.playbook)
        details = {"work": work.id, "kind": work.kind, "status": "expired"}
        draft.record("work", said, details=details)


def _ask_to_promote(draft: Draft, work: Work, version: str | None) -> str:
    arm = str(work.arguments.get("arm", ""))
    refused = promote_refused(draft.baseline, version or "", arm)
    if refused:
        return f"nothing to promote: {refused}"
    approval = ask(
        draft,
        "promote",
        f"{work.id}-promote",
        work.owner,
        f"{work.playbook} asks to promote {version} into {arm}",
        playbook=work.playbook,
        version=version or "",
        arm=arm,
    )
    return f"a person is asked to promote {version} into {arm} ({approval.id})"


def _forget(draft: Draft, work: Work) -> None:
    wanted = tuple(each for each in draft.state.wanted if each.id != work.id)
    draft.state = replace(draft.state, wanted=wanted)
