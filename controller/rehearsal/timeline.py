"""What happened, as text: the golden file, and each cell of a difference. The same run gives the
same bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from controller.core.plan import Plan
from controller.core.wording import number, percent
from controller.rehearsal.comparing import when_text
from controller.rehearsal.model import Expected, ExpectedPlan, TextPattern
from controller.rehearsal.values import moment_text
from controller.rehearsal.world import Happened

_INDENT = " " * 21


def timeline_text(name: str, happened: Sequence[Happened]) -> str:
    """One test: a line a record, and under it what changed in the plan and what people are told."""
    lines = [f"test: {name}", ""]
    before: Plan | None = None
    for place, each in enumerate(happened):
        record = each.record
        lines.append(f"{moment_text(each.at_s):>8} {record.phase:<11} {record.sentence}")
        if record.guards:
            lines.append(f"{_INDENT}guards: {', '.join(g.guard for g in record.guards)}")
        lines += [f"{_INDENT}page: {page}" for page in each.pages]
        is_last = place + 1 == len(happened) or happened[place + 1].plan is not each.plan
        if is_last:  # records of one commit share one plan
            changed = ", ".join(plan_changes(before, each.plan))
            if changed:
                lines.append(f"{_INDENT}plan: {changed}")
            before = each.plan
    return "\n".join((*lines, ""))


def plan_changes(before: Plan | None, plan: Plan) -> Iterator[str]:
    """What is different now; everything when there was nothing."""
    for arm, held in plan.arms.items():
        was = before.arms.get(arm) if before is not None else None
        if was is None or was.share != held.share:
            yield f"{arm} {percent(held.share)}"
        if was is not None and was.version != held.version:
            yield f"{arm} serves {held.version}"
        if was is not None and was.replicas != held.replicas:
            yield f"{arm} has {held.replicas} replicas"
    if before is None:
        return
    for split in plan.splits:
        if split not in before.splits:
            where = ", ".join(f"{key}={value}" for key, value in split.where.items())
            shares = ", ".join(f"{arm} {percent(share)}" for arm, share in split.shares.items())
            yield f"where {where}: {shares}"
    if before.splits and not plan.splits:
        yield "no segment is apart"
    for arm in sorted({*before.probe_per_s, *plan.probe_per_s}):
        rate = plan.probe_per_s.get(arm, 0.0)
        if before.probe_per_s.get(arm, 0.0) != rate:
            yield f"probes of {arm} {number(rate, 'per_s')}"
    if before.shed_share != plan.shed_share:
        yield f"shed {percent(plan.shed_share)}"
    if before.cache_ttl_s != plan.cache_ttl_s:
        yield f"cache_ttl {number(plan.cache_ttl_s, 's')}"
    if before.frozen != plan.frozen:
        yield f"frozen: {', '.join(plan.frozen) or 'nothing'}"
    known = {work.id for work in before.wanted}
    for work in plan.wanted:
        if work.id not in known and work.arguments.get("channel") != "page":
            yield f"wanted: {work.kind}"
    left = {work.id for work in plan.wanted}
    for work in before.wanted:
        if work.id not in left and work.arguments.get("channel") != "page":
            yield f"no longer wanted: {work.kind}"


def happened_text(each: Happened) -> str:
    """One cell: ``15s blocked slow-primary: sentence``."""
    record = each.record
    pages = "".join(f" [page: {page}]" for page in each.pages)
    return f"{moment_text(each.at_s)} {record.phase}: {record.sentence}{pages}"


def expected_text(each: Expected) -> str:
    """One cell: ``at 12s opened slow-primary, plan primary 0 %``."""
    parts = [" ".join(p for p in (f"{when_text(each)} {each.phase}", each.playbook or "") if p)]
    if each.target is not None:
        parts.append(f"target {each.target}")
    if each.guards:
        parts.append(f"guard {' and '.join(each.guards)}")
    if each.outcomes is not None:
        parts.append(f"outcome {', '.join(each.outcomes)}")
    if each.plan is not None:
        parts.append(f"plan {_expected_plan(each.plan)}")
    if each.sentence is not None:
        parts.append(f"sentence {_pattern(each.sentence)}")
    if each.page is not None:
        parts.append(f"page {_pattern(each.page)}")
    return ", ".join(parts)


def _pattern(pattern: TextPattern) -> str:
    return f"/{pattern.text}/" if pattern.is_regex else repr(pattern.text)


def _expected_plan(plan: ExpectedPlan) -> str:
    parts = [f"{arm} {percent(share)}" for arm, share in plan.shares.items()]
    if plan.shed_share is not None:
        parts.append(f"shed {percent(plan.shed_share)}")
    if plan.cache_ttl_s is not None:
        parts.append(f"cache_ttl {moment_text(plan.cache_ttl_s)}")
    parts += [f"{arm} has {count} replicas" for arm, count in plan.replicas.items()]
    if plan.frozen is not None:
        parts.append(f"frozen {', '.join(plan.frozen) or 'nothing'}")
    parts += [f"wanted {kind}" for kind in plan.wanted]
    return " and ".join(parts)
