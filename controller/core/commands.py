"""What people may command. Every command gets one record that names its id, also when refused."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from controller.core.acting import act, sight_now, without_spans
from controller.core.actions import BUDGET_CLASSES, PEOPLE
from controller.core.approvals import carry_out_promotion, withdraw
from controller.core.approvers import DEFAULT, MODELS, not_an_approver
from controller.core.claims import Claim
from controller.core.conditions import Truth, evaluate
from controller.core.draft import Draft
from controller.core.facts import Operator
from controller.core.guards import against_approved
from controller.core.phases import Event, Phase, follow
from controller.core.playbook import Move
from controller.core.state import COMMANDS_LIMIT, FREEZES_LIMIT, OVERRIDES_LIMIT, Approval
from controller.core.track_record import REJECTED
from controller.core.wording import percent

PERSON_PRIORITY = 1_000
_SHARES_TOLERANCE = 1e-6


class CommandRefused(Exception):
    """Why a command is not carried out; becomes its record."""


def obey(draft: Draft, command: Operator) -> None:
    """Carry out one command, or record why not. Repeated ids never get as far as the inbox."""
    commands = (*draft.state.commands, command.command_id)[-COMMANDS_LIMIT:]
    draft.state = replace(draft.state, commands=commands)
    verb = VERBS.get(command.verb)
    try:
        if command.expires_at_s < draft.at_s:
            raise CommandRefused("it expired before it could be carried out")
        if verb is None:
            raise CommandRefused(f"the verbs are {', '.join(VERBS)}")
        said = verb(draft, command)
    except CommandRefused as refused:
        _answer(draft, command, f"refused: {refused}", accepted=False)
        return
    _answer(draft, command, said, accepted=True)


def _answer(draft: Draft, command: Operator, said: str, *, accepted: bool) -> None:
    draft.record(
        "operator",
        f"{command.who}: {command.verb} {command.target}: {said}",
        command_id=command.command_id,
        details={
            "who": command.who,
            "verb": command.verb,
            "target": command.target,
            "accepted": accepted,
        },
    )


def _approve(draft: Draft, command: Operator) -> str:
    approval = _decided_by(draft, command)
    if approval.kind != "act":
        refused = carry_out_promotion(draft, approval, command.who)
        if refused:
            raise CommandRefused(refused)
        withdraw(draft, approval)
        return "approved"
    incident = next((i for i in draft.state.incidents if i.id == approval.incident), None)
    if incident is None or incident.phase is not Phase.OPENED:
        raise CommandRefused(f"incident {approval.incident} no longer waits for it")
    playbook = incident.playbook
    now = evaluate(without_spans(playbook.when), (), sight_now(draft))
    seen = "; ".join(each.sentence for each in now.seen)
    reasons = [each.sentence for each in against_approved(draft, incident)]
    if now.evidence is Truth.NOT_MET:
        reasons.append(f"its `when` is not met now, there is nothing to act on: {seen}")
    if reasons:
        raise CommandRefused("; ".join(reasons))
    withdraw(draft, approval)
    act(draft, incident, Event.APPROVE, 0, now.seen)
    return "approved"


def _reject(draft: Draft, command: Operator) -> str:
    approval = _decided_by(draft, command)
    withdraw(draft, approval)
    for incident in draft.state.incidents:
        if incident.id == approval.incident and incident.phase is Phase.OPENED:
            draft.count(incident, REJECTED)
            phase = follow(incident.phase, Event.REJECT)
            draft.put(replace(incident, phase=phase, phase_since_s=draft.at_s))
    return "rejected"


def _freeze(draft: Draft, command: Operator) -> str:
    what, until_s = _lasting(draft, command.target)
    known = {"all", "promotions", *_playbook_names(draft)}
    if what not in known:
        raise CommandRefused(f"what can be frozen is {', '.join(sorted(known))}")
    marks = {(mark.what, mark.who) for mark in draft.state.freezes}
    if len(marks | {(what, command.who)}) > FREEZES_LIMIT:
        raise CommandRefused(f"{FREEZES_LIMIT} things are frozen already; thaw one first")
    draft.freeze(what, command.who, until_s, "by a person")
    lasts = "until thawed" if until_s is None else f"for {until_s - draft.at_s:g} s"
    return f"{what} is frozen {lasts}"


def _thaw(draft: Draft, command: Operator) -> str:
    """People win: what a person, a guard or an open incident froze is free again."""
    left = tuple(mark for mark in draft.state.freezes if mark.what != command.target)
    holders = [
        incident
        for incident in draft.state.incidents
        if any(_freezes(claim, command.target) for claim in incident.claims)
    ]
    if left == draft.state.freezes and not holders:
        raise CommandRefused(f"{command.target!r} is not frozen")
    draft.state = replace(draft.state, freezes=left)
    if command.target in _playbook_names(draft):
        # Or the next flip would freeze it again, against the person's word.
        draft.put_ledger(replace(draft.ledger(command.target), flips_at_s=()))
    for incident in holders:
        kept = tuple(claim for claim in incident.claims if not _freezes(claim, command.target))
        draft.put(replace(incident, claims=kept))
    against = f", against {', '.join(incident.id for incident in holders)}" if holders else ""
    return f"{command.target} is thawed{against}"


def _freezes(claim: Claim, what: str) -> bool:
    return claim.kind == "freeze" and claim.source == what


def _override(draft: Draft, command: Operator) -> str:
    if len(draft.state.overrides) >= OVERRIDES_LIMIT:
        raise CommandRefused(f"{OVERRIDES_LIMIT} overrides are in force; release one first")
    target, until_s = _lasting(draft, command.target)
    shares = _shares(draft, target)
    claim = Claim(
        owner=command.command_id,
        kind="shares",
        priority=PERSON_PRIORITY,
        since_s=draft.at_s,
        shares=shares,
        until_s=until_s,
        by_person=True,
    )
    draft.state = replace(draft.state, overrides=(*draft.state.overrides, claim))
    said = ", ".join(f"{arm} {percent(share)}" for arm, share in shares.items())
    lasts = "" if until_s is None else f" or {until_s - draft.at_s:g} s are over"
    return f"{said}, until {command.command_id} is released{lasts}"


def _release(draft: Draft, command: Operator) -> str:
    left = tuple(claim for claim in draft.state.overrides if claim.owner != command.target)
    if left == draft.state.overrides:
        known = ", ".join(claim.owner for claim in draft.state.overrides) or "none"
        raise CommandRefused(f"there is no such override; in force: {known}")
    draft.state = replace(draft.state, overrides=left)
    return "released"


def _promote(draft: Draft, command: Operator) -> str:
    version, colon, arm = command.target.rpartition(":")
    if not colon:
        raise CommandRefused("the target is VERSION:ARM")
    may_not = not_an_approver(draft.settings.approvers, command.who, (MODELS,))
    if may_not:
        raise CommandRefused(may_not)
    asked = Approval(
        id=f"{command.command_id}-promote",
        kind="promote",
        asked_at_s=draft.at_s,
        expires_at_s=command.expires_at_s,
        incident="",
        sentence="",
        version=version,
        arm=arm,
    )
    refused = carry_out_promotion(draft, asked, command.who)
    if refused:
        raise CommandRefused(refused)
    open_ones = draft.state.approvals
    done = [a for a in open_ones if (a.kind, a.version, a.arm) == ("promote", version, arm)]
    for approval in done:
        withdraw(draft, approval)
    return "a person's word is the approval"


def _acknowledge(draft: Draft, command: Operator) -> str:
    for incident in draft.state.incidents:
        if incident.id == command.target:
            draft.put(replace(incident, acknowledged_by=command.who, stage_failures=0))
            return "acknowledged"
    known = ", ".join(each.id for each in draft.state.incidents) or "none"
    raise CommandRefused(f"there is no such open incident; open: {known}")


VERBS: Mapping[str, Callable[[Draft, Operator], str]] = {
    "approve": _approve,
    "reject": _reject,
    "freeze": _freeze,
    "thaw": _thaw,
    "override": _override,
    "release": _release,
    "promote": _promote,
    "acknowledge": _acknowledge,
}


def _decided_by(draft: Draft, command: Operator) -> Approval:
    """The approval the command names, if who said it may decide on it."""
    approval = _approval(draft, command.target)
    incident = next((i for i in draft.state.incidents if i.id == approval.incident), None)
    asks_to_act = approval.kind == "act" and incident is not None
    rungs = incident.playbook.rungs if incident is not None else ()
    classes = _classes(rungs[0] if rungs else ()) if asks_to_act else (MODELS,)
    owner = incident.playbook.owner if incident is not None else _owner(draft, approval.playbook)
    may_not = not_an_approver(draft.settings.approvers, command.who, classes, owner)
    if may_not:
        raise CommandRefused(may_not)
    return approval


def _approval(draft: Draft, id_: str) -> Approval:
    for approval in draft.state.approvals:
        if approval.id == id_:
            return approval
    known = ", ".join(each.id for each in draft.state.approvals) or "none"
    raise CommandRefused(f"there is no such approval; open: {known}")


def _classes(moves: Sequence[Move]) -> tuple[str, ...]:
    """The budget classes of what these moves do; telling people needs the default's word only."""
    found = {BUDGET_CLASSES[type(move.action)] for move in moves} - {PEOPLE}
    return tuple(sorted(found)) or (DEFAULT,)


def _owner(draft: Draft, playbook: str) -> str:
    """Of a loaded playbook; an approval to promote outlives its incident."""
    config = draft.state.config
    loaded = config.playbooks if config is not None else ()
    return next((each.owner for each in loaded if each.name == playbook), "")


def _playbook_names(draft: Draft) -> set[str]:
    config = draft.state.config
    loaded = {each.name for each in config.playbooks} if config is not None else set()
    return loaded | {each.playbook.name for each in draft.state.incidents}


def _lasting(draft: Draft, target: str) -> tuple[str, float | None]:
    """``TARGET for 3600s``: the target and when it ends by itself (None: when a person says)."""
    what, word, text = target.partition(" for ")
    if not word:
        return target, None
    try:
        lasts_s = float(text.removesuffix("s"))
    except ValueError:
        lasts_s = 0.0
    if not 0.0 < lasts_s < math.inf:
        raise CommandRefused(f"{text!r} is not a time in seconds, like 3600s")
    return what, draft.at_s + lasts_s


def _shares(draft: Draft, target: str) -> dict[str, float]:
    """``primary=0,fallback=1``; what is missing from 1 goes to the fallback if it is not named."""
    arms = draft.baseline.arms
    shares: dict[str, float] = {}
    for pair in target.split(","):
        arm, equals, text = pair.strip().partition("=")
        share = _share(text) if equals else None
        if share is None:
            raise CommandRefused(f"{pair.strip()!r} is not ARM=SHARE with a share from 0 to 1")
        if arm not in arms:
            raise CommandRefused(f"{arm!r} is not an arm; the arms are {', '.join(arms)}")
        if arm in shares:
            raise CommandRefused(f"{arm!r} is given twice; an arm has one share")
        shares[arm] = share
    missing = 1.0 - sum(shares.values())
    fallback = draft.settings.fallback_arm
    if fallback not in shares and missing > 0.0:
        shares[fallback] = round(missing, 6)
    elif abs(missing) > _SHARES_TOLERANCE:
        raise CommandRefused(f"the shares sum to {sum(shares.values()):g}, not to 1")
    return shares


def _share(text: str) -> float | None:
    try:
        share = float(text)
    except ValueError:
        return None
    return share if 0.0 <= share <= 1.0 else None
