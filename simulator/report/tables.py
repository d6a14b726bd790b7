"""A report for people: three short tables and a verdict."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from controller.monitors.system.latency import LATENCY_MS
from simulator.report.healing import Healing
from simulator.report.phases import PhaseReport
from simulator.report.report import AVAILABILITY_GOAL, Report

MAXIMUM_MS = LATENCY_MS.maximum


def rendered(report: Report, *, with_verdict: bool = True) -> RenderableType:
    """Phases, healing times, decisions, what went wrong, verdict."""
    parts: list[RenderableType] = [_phases_table(report.phases)]
    if report.healings:
        parts.append(_healings_table(report.healings))
        parts.extend(Text(f"{h.fault}: {h.why}") for h in report.healings)
    if report.decisions:
        parts.append(_decisions_table(report))
    parts.extend(Text(line, style="yellow") for line in _troubles(report))
    if with_verdict:
        parts.append(_verdict(report))
    return Group(*parts)


def cells_of_phases(phases: tuple[PhaseReport, ...]) -> dict[str, list[str]]:
    """By measure, one text per phase."""
    rows = {
        "requests": [f"{p.requests:,}" for p in phases],
        "availability": [_percent(p.availability, 3) for p in phases],
        "p95 of users": [_ms(p.users_p95_ms) for p in phases],
        "p95 of the primary, median / worst": [
            f"{_attempts_ms(p.primary_p95_ms)} / {_attempts_ms(p.primary_p95_max_ms)}"
            for p in phases
        ],
        "CTR (slates with a click)": [_percent(p.ctr, 1) for p in phases],
        "served by another arm": [_percent(p.fallback_share, 1) for p in phases],
        "not sent": [f"{p.not_sent:,}" for p in phases],
    }
    if any(phase.true_ctr is not None for phase in phases):
        rows["what the slates were worth"] = [_percent(p.true_ctr, 1) for p in phases]
    return rows


def _phases_table(phases: tuple[PhaseReport, ...]) -> Table:
    table = Table(title="What users met", title_justify="left")
    table.add_column("")
    for phase in phases:
        table.add_column(f"{phase.name} ({phase.to_s - phase.from_s:.0f} s)", justify="right")
    for name, cells in cells_of_phases(phases).items():
        table.add_row(name, *cells)
    return table


def _healings_table(healings: tuple[Healing, ...]) -> Table:
    table = Table(title="Seconds after the fault was put on", title_justify="left")
    for name in ("fault", "first breach", "plan published", "bad attempts gone", "recovered"):
        table.add_column(name, justify="left" if name == "fault" else "right")
    for h in healings:
        times = (h.breach_s, h.published_s, h.bad_gone_s, h.recovered_s)
        table.add_row(h.fault, *(_seconds(time) for time in times))
    return table


def _decisions_table(report: Report) -> Table:
    table = Table(title="Decisions", title_justify="left")
    table.add_column("at", justify="right")
    table.add_column("phase")
    table.add_column("what and why", overflow="fold")
    for decision in report.decisions:
        table.add_row(f"{decision.offset_s:.1f} s", decision.phase, Text(decision.sentence))
    return table


def _troubles(report: Report) -> list[str]:
    lines = [f"{count:,} answers were not valid: {what}" for what, count in report.problems.items()]
    lines += [
        f"{count:,} of {report.feedback_sent:,} feedbacks failed: {what}"
        for what, count in report.feedback_problems.items()
    ]
    if report.not_sent:
        lines.append(f"{report.not_sent:,} requests could not be sent (too many in flight)")
    return lines


def _verdict(report: Report) -> Text:
    said = f"{report.availability:.3%} of {report.requests:,} requests got a valid slate"
    healed = "healed" if report.healed else "NOT healed"
    if not report.healings:
        healed = "no fault was put on"
    style = "bold green" if report.passed else "bold red"
    goal = "" if report.availability >= AVAILABILITY_GOAL else f" (goal {AVAILABILITY_GOAL:.1%})"
    return Text(f"{healed}; {said}{goal}", style=style)


def _percent(share: float | None, digits: int) -> str:
    return "–" if share is None else f"{share:.{digits}%}"


def _ms(value: float | None) -> str:
    if value is None:
        return "–"
    return f"> {MAXIMUM_MS:,.0f} ms" if value >= MAXIMUM_MS else f"{value:,.0f} ms"


def _attempts_ms(value: float | None) -> str:
    """An attempt cut at its deadline reads as the signal's maximum, however short it was."""
    return "> deadline" if value is not None and value >= MAXIMUM_MS else _ms(value)


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"
