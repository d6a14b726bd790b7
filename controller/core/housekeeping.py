"""What time alone changes: freezes and approvals that run out, settings that were changed."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from controller.core.all_services import forget_unwanted
from controller.core.approvals import withdraw
from controller.core.baseline import reconcile
from controller.core.bundles import tell_bundle
from controller.core.by_id import ById
from controller.core.draft import Draft
from controller.core.phases import Event, Phase, follow
from controller.core.settings import JudgeSettings
from controller.core.state import Baseline
from controller.core.wording import duration
from controller.core.working import expire_work


def keep_house(draft: Draft) -> None:
    """Everything that is due at this tick, before anything is decided."""
    apply_settings(draft)
    tell_bundle(draft)
    _end_freezes(draft)
    _end_claimed_freezes(draft)
    _end_overrides(draft)
    _end_approvals(draft)
    _remind_of_long_incidents(draft)
    expire_work(draft)
    forget_unwanted(draft)


def apply_settings(draft: Draft) -> None:
    """Changed settings reach the baseline, but for what a promotion or a person owns."""
    before = draft.baseline
    after = _reconciled(ById(before), ById(draft.settings))
    if after == before:
        return
    draft.state = replace(draft.state, baseline=after)
    names = sorted({*before.arms, *after.arms})
    changed = [name for name in names if before.arms.get(name) != after.arms.get(name)]
    if before.control_share != after.control_share:
        changed.append("control_share")
    if before.request_deadline_ms != after.request_deadline_ms:
        changed.append("request_deadline_ms")
    if before.cache_ttl_s != after.cache_ttl_s:
        changed.append("cache_ttl_s")
    draft.record(
        "configured",
        f"changed settings apply to {', '.join(changed) or 'the control arm'}{_retargeted(draft)}",
        details={"changed": changed},
    )


def _retargeted(draft: Draft) -> str:
    """What open incidents route to an arm that is gone; their owners are told."""
    arms, fallback = draft.baseline.arms, draft.baseline.control_arm
    said = ""
    for incident in draft.state.incidents:
        gone = [c for c in incident.claims if c.kind == "route" and c.target not in arms]
        for claim in gone:
            now = f"{incident.id} routes to {fallback}, since there is no arm {claim.target} now"
            draft.page(now, owner=incident.id, to=incident.playbook.owner)
            said += f"; {now}"
    return said


@lru_cache(maxsize=8)
def _reconciled(baseline: ById[Baseline], settings: ById[JudgeSettings]) -> Baseline:
    """At most ticks neither has changed."""
    return reconcile(baseline.it, settings.it)


def _end_freezes(draft: Draft) -> None:
    for mark in draft.state.freezes:
        if mark.until_s is not None and draft.at_s >= mark.until_s:
            left = tuple(each for each in draft.state.freezes if each != mark)
            draft.state = replace(draft.state, freezes=left)
            draft.record("thawed", f"the freeze of {mark.what} by {mark.who} has run out")


def _end_claimed_freezes(draft: Draft) -> None:
    for incident in draft.state.incidents:
        over = tuple(
            claim
            for claim in incident.claims
            if claim.kind == "freeze" and claim.until_s is not None and draft.at_s >= claim.until_s
        )
        if over:
            kept = replace(incident, claims=tuple(c for c in incident.claims if c not in over))
            draft.put(kept)
            what = ", ".join(claim.source for claim in over)
            draft.record(
                "thawed", f"{incident.id}: its freeze of {what} has run out", incident=kept
            )


def _end_overrides(draft: Draft) -> None:
    for claim in draft.state.overrides:
        if claim.until_s is not None and draft.at_s >= claim.until_s:
            left = tuple(each for each in draft.state.overrides if each != claim)
            draft.state = replace(draft.state, overrides=left)
            draft.record("released", f"the override {claim.owner} has run out")


def _end_approvals(draft: Draft) -> None:
    for approval in draft.state.approvals:
        if draft.at_s < approval.expires_at_s:
            continue
        withdraw(draft, approval)
        waiting = next(
            (
                each
                for each in draft.state.incidents
                if each.id == approval.incident and each.phase is Phase.OPENED
            ),
            None,
        )
        if approval.kind == "act" and waiting is not None:
            ended = replace(
                waiting, phase=follow(waiting.phase, Event.LAPSE), phase_since_s=draft.at_s
            )
            draft.put(ended)
            draft.close(ended)
            said = f"{waiting.id} has expired: nobody approved it in time"
            draft.record(ended.phase.value, said, incident=ended)
        else:
            said = f"{approval.id} has expired: nobody approved it in time"
            draft.record("lapsed", said, details={"approval": approval.id})


def _remind_of_long_incidents(draft: Draft) -> None:
    """Every incident ends or pages: what neither clears nor fails must not be forgotten."""
    for incident in draft.state.incidents:
        open_s = draft.at_s - incident.opened_at_s
        if incident.reminded or not incident.enforced or open_s < draft.settings.remind_after_s:
            continue
        reminded = replace(incident, reminded=True)
        playbook = incident.playbook
        said = f"{incident.id} is open for {duration(open_s)} and is {incident.phase.value}"
        draft.put(reminded)
        draft.page(said, owner=incident.id, to=playbook.owner, playbook=playbook.name)
        draft.record("reminded", said, incident=reminded)
