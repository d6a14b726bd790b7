"""Was what a scenario expects what happened? Read off the decision log and the requests alone."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from simulator.report.evidence import Document, Evidence
from simulator.report.incidents import incidents
from simulator.report.moves import actions_of, shadowed_actions_of
from simulator.scenario.model import Acts, Expectation, Explains, Quiet, Recovers, Scenario, Serves


@dataclass(frozen=True, slots=True)
class Judged:
    """``sentence`` has the numbers, whether it was met or not."""

    expectation: Expectation
    met: bool
    sentence: str


def judge(scenario: Scenario, evidence: Evidence) -> list[Judged]:
    """Every expectation, in the order of the file."""
    found = []
    for expectation in scenario.expectations:
        match expectation:
            case Acts():
                met, said = _acts(expectation, scenario, evidence)
            case Explains():
                met, said = _explains(expectation, evidence)
            case Recovers():
                met, said = _recovers(expectation, scenario, evidence)
            case Quiet():
                met, said = _quiet(expectation, evidence)
            case Serves():
                met, said = _serves(expectation, evidence)
        found.append(Judged(expectation, met, said))
    return found


def _acts(expected: Acts, scenario: Scenario, evidence: Evidence) -> tuple[bool, str]:
    fault = scenario.faults[expected.fault - 1]
    on_at_s = evidence.started_at_s + fault.at_s
    of = f"{expected.playbook} {expected.action}{' (shadow)' if expected.shadow else ''}"
    records, kinds_of = (
        (_shadowed(evidence), shadowed_actions_of)
        if expected.shadow
        else (_acting(evidence), actions_of)
    )
    after_s = sorted(
        evidence.public_at_s(record) - on_at_s
        for record in records
        if record["playbook"] == expected.playbook and expected.action in kinds_of(record)
    )
    if not after_s:
        return False, f"{of}: never public, expected within {expected.within_s:g} s of {fault.name}"
    early = [
        seconds for seconds in after_s if seconds < 0.0 and not _earlier_fault(scenario, fault.at_s)
    ]
    if early:
        return False, f"{of}: public {-early[0]:.1f} s before {fault.name} was on"
    first_s = next((seconds for seconds in after_s if seconds >= 0.0), None)
    if first_s is None:
        return False, f"{of}: not public after {fault.name} was on, only before"
    said = f"{of}: public {first_s:.1f} s after {fault.name} was on, expected within "
    return first_s <= expected.within_s, f"{said}{expected.within_s:g} s"


def _earlier_fault(scenario: Scenario, at_s: float) -> bool:
    """What was done before may have been for another fault."""
    return any(fault.at_s < at_s for fault in scenario.faults)


def _explains(expected: Explains, evidence: Evidence) -> tuple[bool, str]:
    record = next((r for r in evidence.decisions if r["phase"] == "explained"), None)
    if record is None:
        return False, f"explains: no incident was explained, expected by {expected.by}"
    causes = [str(cause["what"]) for cause in record["details"]["causes"]]
    said = f"explains: {record['playbook']} by {', then '.join(causes) or 'nothing'}"
    first = set(causes[0].split(" & ")) if causes else set()
    return first >= set(expected.by.split(" & ")), f"{said}, expected first by {expected.by}"


def _recovers(expected: Recovers, scenario: Scenario, evidence: Evidence) -> tuple[bool, str]:
    off_at_s = evidence.started_at_s + max((f.off_s for f in scenario.faults), default=0.0)
    for incident in incidents(evidence):
        if not incident.recovered:
            return False, f"recovers: incident {incident.id} ended the run {incident.last_phase}"
    last = evidence.decisions[-1:]
    claims = last[0].get("claims_after", ()) if last else ()
    if claims:
        owners = ", ".join(sorted({str(claim["owner"]) for claim in claims}))
        return False, f"recovers: {owners} still claims something of the plan at the end"
    over_at_s = max((i.last_at_s for i in incidents(evidence)), default=None)
    if over_at_s is None:
        return True, "recovers: no incident was opened"
    after_s = max(0.0, over_at_s - off_at_s)
    said = f"recovers: the last incident was over {after_s:.1f} s after the last fault, expected "
    return after_s <= expected.within_s, f"{said}within {expected.within_s:g} s"


def _quiet(expected: Quiet, evidence: Evidence) -> tuple[bool, str]:
    acted = [*_acting(evidence), *_shadowed(evidence)]
    others = [r for r in acted if r["playbook"] not in expected.except_for]
    but = f" but {', '.join(expected.except_for)}" if expected.except_for else ""
    if not others:
        return True, f"quiet: no playbook{but} acted"
    first = min(others, key=evidence.public_at_s)
    at_s = evidence.public_at_s(first) - evidence.started_at_s
    return False, f"quiet: {first['playbook']} acted after {at_s:.1f} s ({len(others)} in all)"


def _serves(expected: Serves, evidence: Evidence) -> tuple[bool, str]:
    totals = evidence.exchanges.totals(-inf, inf)
    share = totals.availability
    if share is None:
        return False, "serves: there was no request"
    said = f"serves: {share:.3%} of {totals.requests:,} requests got a valid slate, expected "
    return share >= expected.least_share, f"{said}at least {expected.least_share:.3%}"


def _acting(evidence: Evidence) -> list[Document]:
    """Records by which a rung went into the plan."""
    return [
        record
        for record in evidence.decisions
        if record["phase"] == "acting" and record.get("enforced", True) and record.get("playbook")
    ]


def _shadowed(evidence: Evidence) -> list[Document]:
    """Records by which a playbook in shadow says what it would have done."""
    return [record for record in evidence.decisions if record["phase"] == "shadowed"]
