"""A test as YAML, for programs that write one: reading it back gives the same test.

A counterexample is saved so: make a `Rehearsal` with its series, let `pinned` fill in what
happens, and write `rehearsal_text`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from controller.core.playbook import Quantity
from controller.language.grammar import ParsedSignal, signal_text
from controller.language.quantities import plain, share_text
from controller.rehearsal.model import (
    ADOPTION_S,
    PEOPLE_AND_WORKERS,
    TICK_S,
    UNRECORDED,
    Answer,
    Command,
    Expected,
    ExpectedPlan,
    Noise,
    Rehearsal,
    Series,
    Span,
    TextPattern,
)
from controller.rehearsal.service import Service
from controller.rehearsal.values import moment_text, value_text
from controller.rehearsal.world import Happened, run


def pinned(rehearsal: Rehearsal, service: Service) -> Rehearsal:
    """The same test, expecting exactly what happens now: each record, and the shares it left."""
    happened = [
        each
        for each in run(rehearsal, service).happened
        if each.record.phase not in PEOPLE_AND_WORKERS
    ]
    return replace(rehearsal, expect=tuple(map(_pin, happened)), others_allowed=False)


def _pin(happened: Happened) -> Expected:
    shares = {name: arm.share for name, arm in happened.plan.arms.items()}
    record = happened.record
    return Expected(
        first_s=happened.at_s,
        last_s=happened.at_s,
        phase=record.phase,
        playbook=record.playbook,
        guards=tuple(refusal.guard for refusal in record.guards),
        plan=ExpectedPlan(shares=shares),
    )


def rehearsal_text(rehearsal: Rehearsal, comment: str = "") -> str:
    """A file of one test. ``comment`` goes on top, line by line."""
    lines = [f"# {line}".rstrip() for line in comment.splitlines()]
    lines += ["version: 1", *_head(rehearsal), *_world(rehearsal)]
    if rehearsal.others_allowed:
        lines.append("others: allowed")
    lines += _listed("expect", [_expected(each) for each in rehearsal.expect])
    if rehearsal.never:
        lines += _listed("never", [_expected(each) for each in rehearsal.never])
    lines.append(f"ends_at: {moment_text(rehearsal.ends_at_s)}")
    return "\n".join((*lines, ""))


def _head(rehearsal: Rehearsal) -> Iterator[str]:
    yield f"test: {_quoted(rehearsal.name)}"
    yield f"playbooks: [{', '.join(map(_quoted, rehearsal.playbooks))}]"
    if rehearsal.settings:
        yield f"settings: {_quoted(rehearsal.settings)}"
    if rehearsal.tick_s != TICK_S:
        yield f"tick: {moment_text(rehearsal.tick_s)}"
    if rehearsal.adoption_s != ADOPTION_S:
        takes_s = rehearsal.adoption_s
        yield f"adoption: {'never' if takes_s is None else moment_text(takes_s)}"
    if rehearsal.otherwise != UNRECORDED:
        yield f"otherwise: {rehearsal.otherwise}"


def _world(rehearsal: Rehearsal) -> Iterator[str]:
    if rehearsal.series:
        yield "series:"
    for series in rehearsal.series:
        yield f"  {_quoted(_key(series.quantity))}:"
        yield from (f"    - {_span(span, series)}" for span in series.spans)
    if rehearsal.work:
        yield from _listed("work", [_answer(each) for each in rehearsal.work])
    if rehearsal.operator:
        yield from _listed("operator", [_command(each) for each in rehearsal.operator])
    if rehearsal.restarts:
        restarts = [
            _flow(at=moment_text(each.at_s), lasts=moment_text(each.lasts_s))
            for each in rehearsal.restarts
        ]
        yield from _listed("restarts", restarts)


def _listed(key: str, items: list[str]) -> list[str]:
    return [f"{key}:", *(f"  - {item}" for item in items)] if items else [f"{key}: []"]


def _flow(**entries: str | None) -> str:
    inside = ", ".join(f"{key}: {value}" for key, value in entries.items() if value is not None)
    return f"{{{inside}}}"


def _key(quantity: Quantity) -> str:
    """``lift(ctr,a,b).upper`` is one name here; labels and window stand inside its brackets."""
    labels = tuple((key, value, 0) for key, value in quantity.labels)
    name, bracket, rest = quantity.signal.partition("(")
    if not bracket:
        return signal_text(ParsedSignal(name, 0, labels, quantity.window_s))
    first, comma, others = rest.partition(",")
    if not comma:
        first, _, others = rest.rpartition(")")
        others = f"){others}"
    inside = signal_text(ParsedSignal(first, 0, labels, quantity.window_s))
    return f"{name}({inside}{comma}{others}"


def _span(span: Span, series: Series) -> str:
    values = [value_text(value, series.unit) for value in span.values]
    noise = span.noise
    shape = "value"
    if span.state != "ok":
        shape = "state"
    elif span.ramp:
        shape = "ramp"
    elif span.every_s is not None:
        shape = "cycle"
    shown = {"state": span.state, "value": values[0] if values else None}.get(
        shape, f"[{', '.join(values)}]"
    )
    return _flow(
        until=moment_text(span.until_s) if span.until_s is not None else None,
        **{shape: shown},
        every=moment_text(span.every_s) if span.every_s is not None else None,
        sample=str(span.sample) if span.sample is not None else None,
        noise=_noise(noise, series.unit) if noise is not None else None,
    )


def _noise(noise: Noise, unit: str) -> str:
    return _flow(
        sd=value_text(noise.sd, unit),
        phi=plain(noise.phi),
        seed=str(noise.seed),
        every=moment_text(noise.every_s),
    )


def _answer(answer: Answer) -> str:
    return _flow(
        kind=answer.kind,
        after=moment_text(answer.after_s),
        status=answer.status,
        version=_quoted(answer.version) if answer.version is not None else None,
        detail=_quoted(answer.detail) if answer.detail else None,
    )


def _command(command: Command) -> str:
    return _flow(
        at=moment_text(command.at_s),
        verb=command.verb,
        target=_quoted(command.target) if command.target else None,
        who=_quoted(command.who),
    )


def _expected(each: Expected) -> str:
    first, last = moment_text(each.first_s), moment_text(each.last_s)
    time = {"at": last} if each.first_s == each.last_s else {"within": f"[{first}, {last}]"}
    if each.by:
        time = {"by": last}
    return _flow(
        **time,
        phase=each.phase,
        playbook=each.playbook,
        target=_quoted(each.target) if each.target is not None else None,
        guard=f"[{', '.join(map(_quoted, each.guards))}]" if each.guards else None,
        outcome=f"[{', '.join(each.outcomes)}]" if each.outcomes else None,
        plan=_plan(each.plan) if each.plan is not None else None,
        sentence=_pattern(each.sentence) if each.sentence is not None else None,
        page=_pattern(each.page) if each.page is not None else None,
    )


def _plan(plan: ExpectedPlan) -> str:
    shares = {arm: share_text(share) for arm, share in plan.shares.items()}
    replicas = {arm: str(count) for arm, count in plan.replicas.items()}
    return _flow(
        route=_flow(**shares) if shares else None,
        shed=share_text(plan.shed_share) if plan.shed_share is not None else None,
        cache_ttl=moment_text(plan.cache_ttl_s) if plan.cache_ttl_s is not None else None,
        replicas=_flow(**replicas) if replicas else None,
        frozen=f"[{', '.join(map(_quoted, plan.frozen))}]" if plan.frozen is not None else None,
        wanted=f"[{', '.join(plan.wanted)}]" if plan.wanted else None,
    )


def _pattern(pattern: TextPattern) -> str:
    reads_as_regex = len(pattern.text) > 2 and pattern.text[0] == pattern.text[-1] == "/"
    if pattern.is_regex or reads_as_regex:
        text = pattern.text if pattern.is_regex else re.escape(pattern.text)
        return _quoted(f"/{text}/")
    return _quoted(pattern.text)


def _quoted(text: str) -> str:
    """A double-quoted YAML scalar, whatever the text holds."""
    plain_text = (
        char if " " <= char <= "~" and char not in '"\\' else f"\\U{ord(char):08x}" for char in text
    )
    return f'"{"".join(plain_text)}"'
