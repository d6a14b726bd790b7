"""One commit in the making: the state as it will be, and the records that say why.

The only mutable thing in the core; it lives inside one call of `step`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from controller.core.claims import Claim, claim_to_document, precedence
from controller.core.plan import Plan, Work
from controller.core.plan_fold import Stamp, fold
from controller.core.readings import Readings
from controller.core.records import Loser, Record, Refusal, SeenCondition
from controller.core.settings import JudgeSettings
from controller.core.state import (
    FREEZES_LIMIT,
    TIMES_LIMIT,
    WANTED_LIMIT,
    Baseline,
    FreezeMark,
    Incident,
    JudgeState,
    Ledger,
)
from controller.core.track_record import end_of

PAGE_EXPIRES_S = 3600.0
PAGE_CHANNEL = "page"


_Claims = tuple[dict[str, Any], ...] | None
Mark = tuple[JudgeState, int, int, _Claims]


class Draft:
    """Collects what one fact changes. Without a record, nothing is committed."""

    def __init__(self, state: JudgeState, at_s: float, readings: Readings | None = None) -> None:
        self.state = state
        self.at_s = at_s
        self.readings: Readings = readings if readings is not None else {}
        self.epoch = state.epoch
        self.revision = state.revision + 1
        self.records: list[Record] = []
        self._pages = 0
        self._claims: _Claims = None
        """As of the last record; made at the first, since most drafts have none."""
        self._before = state

    @property
    def settings(self) -> JudgeSettings:
        if self.state.config is None:
            raise ValueError("nothing is loaded: Loaded comes before a decision")
        return self.state.config.settings

    @property
    def baseline(self) -> Baseline:
        if self.state.baseline is None:
            raise ValueError("there is no baseline: Elected comes before a decision")
        return self.state.baseline

    def record(
        self,
        phase: str,
        sentence: str,
        *,
        incident: Incident | None = None,
        conditions: tuple[SeenCondition, ...] = (),
        guards: tuple[Refusal, ...] = (),
        losers: tuple[Loser, ...] = (),
        expected: str | None = None,
        command_id: str | None = None,
        enforced: bool = True,
        playbook: tuple[str, str, str] | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """Add a record. ``playbook``: (name, sha256, autonomy), where there is no incident."""
        if incident is not None:
            text = incident.playbook
            playbook = (text.name, text.sha256, text.guards.autonomy.value)
            enforced = enforced and incident.enforced
        name, sha256, autonomy = playbook or (None, None, "auto")
        before = _claim_documents(self._before) if self._claims is None else self._claims
        after = self._claims = _claim_documents(self.state)
        self.records.append(
            Record(
                id=f"{self.epoch}-{self.revision}-{len(self.records) + 1}",
                at_s=self.at_s,
                epoch=self.epoch,
                revision=self.revision,
                service=self.settings.service,
                phase=phase,
                sentence=sentence,
                incident=incident.id if incident is not None else None,
                playbook=name,
                playbook_sha256=sha256,
                conditions=conditions,
                guards=guards,
                losers=losers,
                claims_before=before,
                claims_after=after,
                expected=expected,
                autonomy=autonomy,
                enforced=enforced and not self.state.dry_run,
                command_id=command_id,
                details=details or {},
            )
        )

    def mark(self) -> Mark:
        """Where ``back_to`` may return to."""
        return self.state, len(self.records), self._pages, self._claims

    def back_to(self, mark: Mark) -> None:
        """Take back everything since."""
        self.state, records, self._pages, self._claims = mark
        del self.records[records:]

    def put(self, incident: Incident) -> None:
        """Add the incident, or take the place of the one with its id."""
        others = self.state.incidents
        if any(each.id == incident.id for each in others):
            kept = tuple(incident if each.id == incident.id else each for each in others)
        else:
            kept = (*others, incident)
        self.state = replace(self.state, incidents=kept)

    def close(self, incident: Incident) -> None:
        """Forget an ended incident; what is left of it is its records and its outcome."""
        kept = tuple(each for each in self.state.incidents if each.id != incident.id)
        left = tuple(
            a for a in self.state.approvals if a.incident != incident.id or a.kind != "act"
        )
        self.state = replace(self.state, incidents=kept, approvals=left)
        self.count(incident, end_of(incident, self.at_s))

    def count(self, incident: Incident, outcome: str) -> None:
        """Add to the playbook's track record; the words are in `track_record.py`."""
        ledger = self.ledger(incident.playbook.name)
        outcomes = dict(ledger.outcomes)
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
        self.put_ledger(replace(ledger, outcomes=dict(sorted(outcomes.items()))))

    def ledger(self, playbook: str) -> Ledger:
        for each in self.state.ledgers:
            if each.playbook == playbook:
                return each
        return Ledger(playbook)

    def put_ledger(self, ledger: Ledger) -> None:
        trimmed = replace(
            ledger,
            acts_at_s=ledger.acts_at_s[-TIMES_LIMIT:],
            flips_at_s=ledger.flips_at_s[-TIMES_LIMIT:],
        )
        others = [each for each in self.state.ledgers if each.playbook != ledger.playbook]
        ledgers = tuple(sorted((*others, trimmed), key=lambda each: each.playbook))
        self.state = replace(self.state, ledgers=ledgers)

    def want(self, work: Work) -> None:
        """Want work. Beyond the limit the oldest notice gives way: it was sent or never will."""
        wanted = [each for each in self.state.wanted if each.id != work.id]
        if len(wanted) >= WANTED_LIMIT:
            oldest = next((each for each in wanted if each.kind == "notify"), wanted[0])
            wanted.remove(oldest)
        self.state = replace(self.state, wanted=(*wanted, work))

    def page(self, message: str, *, owner: str, to: str, playbook: str = "") -> None:
        """Want a person told. At least once, by id."""
        self._pages += 1
        self.want(
            Work(
                id=f"page-{self.epoch}-{self.revision}-{self._pages}",
                kind="notify",
                arguments={"channel": PAGE_CHANNEL, "to": to, "message": message},
                owner=owner,
                playbook=playbook,
                decided_at_s=self.at_s,
                expires_at_s=self.at_s + PAGE_EXPIRES_S,
            )
        )

    def freeze(self, what: str, who: str, until_s: float | None, why: str) -> None:
        """Freeze, or freeze anew. Whoever else froze the same keeps their own mark and its end.

        Beyond the limit a mark that ends by itself gives way: no guard lifts what a person froze.
        """
        kept = [each for each in self.state.freezes if (each.what, each.who) != (what, who)]
        if len(kept) >= FREEZES_LIMIT:
            kept.remove(next((each for each in kept if each.until_s is not None), kept[0]))
        mark = FreezeMark(what, who, self.at_s, until_s, why)
        self.state = replace(self.state, freezes=(*kept, mark))

    def finish(self) -> tuple[JudgeState, Plan | None, tuple[Record, ...]]:
        """The commit: records, plan and state together, or none of them."""
        if not self.records:
            return self.state, None, ()
        self.state = replace(self.state, revision=self.revision, in_flight=True)
        plan = fold(
            self.baseline,
            active_claims(self.state),
            self.state.wanted,
            frozen_names(self.state),
            self.settings,
            Stamp(self.settings.service, self.epoch, self.revision, self.at_s),
        )
        return self.state, plan, tuple(self.records)


def _claim_documents(state: JudgeState) -> tuple[dict[str, Any], ...]:
    return tuple(claim_to_document(claim) for claim in active_claims(state))


def active_claims(state: JudgeState) -> tuple[Claim, ...]:
    """Every claim the plan is folded from, the winners first."""
    claims = [*state.overrides]
    for incident in state.incidents:
        if incident.enforced:
            claims += incident.claims
    return tuple(sorted(claims, key=precedence))


def frozen_names(state: JudgeState) -> tuple[str, ...]:
    """What is frozen, by people, by the judge or by an incident's claim."""
    names = {mark.what for mark in state.freezes}
    names |= {c.source for c in active_claims(state) if c.kind == "freeze"}
    return tuple(sorted(names))
