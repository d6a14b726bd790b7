"""The report as one page that needs nothing else: no network, no script."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from simulator.report.panels import moment
from simulator.report.picture import as_svg
from simulator.report.report import report_on
from simulator.report.story import Story
from simulator.report.tables import cells_of_phases
from simulator.report.verdict import verdict

_CSS = """
body { font: 15px/1.5 system-ui, sans-serif; color: #24292f; }
body { max-width: 1160px; margin: 2rem auto; padding: 0 1rem; }
h1 { margin: 0; font-size: 1.7rem }
h2 { margin: 2rem 0 .5rem; font-size: 1.15rem }
p.why { color: #57606a; margin: .2rem 0 1rem }
pre { background: #f6f8fa; border-radius: 6px; padding: .7rem 1rem; }
pre { white-space: pre-wrap; word-break: break-all }
.verdict { font-weight: 700; padding: .5rem .9rem; border-radius: 6px; display: inline-block }
.good { background: #d3f0e6; color: #00523c }
.bad { background: #fbe3d3; color: #7a3500 }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .3rem .7rem }
th { border-bottom: 2px solid #d0d7de }
td { border-bottom: 1px solid #eaeef2 }
td.n { white-space: nowrap }
figure { margin: 1.2rem 0 }
figure svg { width: 100%; height: auto }
ul { list-style: none; padding: 0 }
"""


def as_html(story: Story) -> str:
    """The whole page; the same run gives the same bytes."""
    title = escape(f"{story.name} · Selfright")
    return "\n".join(
        [
            "<!doctype html>",
            f'<html lang="en"><head><meta charset="utf-8"><title>{title}</title>',
            '<meta name="viewport" content="width=device-width">',
            f"<style>{_CSS}</style></head><body>",
            f'<h1>{escape(story.name)}</h1><p class="why">{escape(story.why)}</p>',
            _verdict(story),
            f"<pre>{escape(story.command)}</pre>",
            _expected(story),
            f'<figure role="img" aria-label="Timeline of {title}">{as_svg(story)}</figure>',
            "<h2>What users met</h2>",
            _phases(story),
            "<h2>Decisions</h2>",
            _decisions(story),
            "<h2>What was true</h2>",
            _truths(story),
            "</body></html>",
            "",
        ]
    )


def _verdict(story: Story) -> str:
    met = [judged.met for judged in story.judged]
    good, said = verdict(report_on(story.evidence), met, len(story.broken))
    return f'<p class="verdict {"good" if good else "bad"}">{escape(said)}</p>'


def _expected(story: Story) -> str:
    lines = [
        f"<li>{'✓' if judged.met else '✗'} {escape(judged.sentence)}</li>"
        for judged in story.judged
    ]
    lines += [
        f"<li>✗ invariant {escape(b.invariant)}, {_at(story, b.at_s)}: {escape(b.sentence)}</li>"
        for b in story.broken
    ]
    return f"<h2>Expectations</h2><ul>{''.join(lines)}</ul>" if lines else ""


def _phases(story: Story) -> str:
    phases = report_on(story.evidence).phases
    head = ["", *(f"{phase.name} ({moment(phase.to_s - phase.from_s)})" for phase in phases)]
    return _table(head, ([name, *cells] for name, cells in cells_of_phases(phases).items()))


def _decisions(story: Story) -> str:
    rows = (
        [_at(story, record["at_s"]), record["phase"], record["sentence"]]
        for record in story.evidence.decisions
    )
    return _table(["at", "phase", "what and why"], rows)


def _truths(story: Story) -> str:
    rows = [
        [
            truth.name,
            _at(story, truth.on_at_s),
            "still on" if truth.off_at_s is None else _at(story, truth.off_at_s),
            truth.cause,
            ", ".join(truth.right_actions) or "leave it alone",
            "none" if truth.deadline_s is None else moment(truth.deadline_s),
        ]
        for truth in story.evidence.truths
    ]
    if not rows:
        return "<p>Nothing was wrong.</p>"
    return _table(["fault", "on", "off", "cause", "right actions", "deadline"], rows)


def _at(story: Story, at_s: float) -> str:
    return moment(at_s - story.evidence.started_at_s)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "\n".join(
        "<tr>"
        + "".join(
            f"<td{' class=n' if not number else ''}>{escape(cell)}</td>"
            for number, cell in enumerate(row)
        )
        + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>\n{body}\n</tbody></table>"
