"""The picture of a run: panels over one axis of time, true faults as bands through all of them."""

from __future__ import annotations

import io
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from simulator.report import palette, panels
from simulator.report.story import Action, Story, actions

WIDTH_IN = 12.0
PANELS = (
    (panels.users_latency, 1.35),
    (panels.users_availability, 0.85),
    (panels.arm_latency, 1.35),
    (panels.arm_bad, 1.0),
    (panels.click_rates, 1.35),
    (panels.served_shares, 1.2),
)
HEAD_IN = 1.12
"""Room above the panels: name, reason, three rows of names of faults."""
LANE_IN = 0.34
LISTED = 8
"""Actions named below the picture; more are in the page's table."""
LINES = 24
"""Up to so many actions are drawn through all panels."""
_STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "text.color": palette.INK,
    "axes.edgecolor": palette.QUIET_INK,
    "axes.labelcolor": palette.INK,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": palette.GRID,
    "grid.linewidth": 0.7,
    "xtick.color": palette.QUIET_INK,
    "ytick.color": palette.QUIET_INK,
    "legend.frameon": False,
    "legend.fontsize": 8.0,
    "svg.hashsalt": "selfright",
    "svg.fonttype": "path",
}


def as_svg(story: Story) -> str:
    """One ``<svg>`` element; the same run gives the same bytes."""
    with matplotlib.rc_context(_STYLE):
        figure = _figure(story)
        FigureCanvasSVG(figure)
        sink = io.StringIO()
        figure.savefig(sink, format="svg", metadata={"Date": None, "Creator": None})
    text = sink.getvalue()
    return text[text.index("<svg") :]


def as_png(story: Story) -> bytes:
    with matplotlib.rc_context(_STYLE):
        figure = _figure(story)
        FigureCanvasAgg(figure)
        sink = io.BytesIO()
        figure.savefig(sink, format="png", dpi=130, metadata={"Software": None})
    return sink.getvalue()


def _figure(story: Story) -> Figure:
    done = actions(story.evidence)
    lanes = panels.lanes(story.evidence)
    heights = [height for _, height in PANELS] + [0.35 + LANE_IN * _lanes_high(len(lanes))]
    listed = min(len(done), LISTED) + (len(done) > LISTED)
    below_in = 0.75 + 0.2 * listed
    total_in = sum(heights) + 0.22 * len(heights) + HEAD_IN + 0.05 + below_in
    figure = Figure(figsize=(WIDTH_IN, total_in), facecolor="white")
    grid = figure.add_gridspec(
        len(heights),
        1,
        height_ratios=heights,
        hspace=0.24,
        left=0.085,
        right=0.845,
        top=1.0 - HEAD_IN / total_in,
        bottom=below_in / total_in,
    )
    axes: list[Axes] = []
    for row in range(len(heights)):
        axes.append(figure.add_subplot(grid[row], sharex=axes[0] if axes else None))
    axes[0].set_xlim(0.0, story.duration_s)
    for axis, (draw, _) in zip(axes, PANELS, strict=False):
        draw(axis, story.evidence)
    panels.incident_bars(axes[-1], story.evidence, lanes, done)
    _through_all(axes, story, done)
    _axis_of_time(axes, story.duration_s)
    _headline(figure, story, total_in)
    _list(figure, done, total_in, listed)
    return figure


def _lanes_high(lanes: int) -> int:
    return max(1, min(lanes, panels.MAX_LANES))


def _through_all(axes: list[Axes], story: Story, done: list[Action]) -> None:
    """Fault bands with their names on top, and where the plan changed."""
    start_s = story.evidence.started_at_s
    taken_until = [float("-inf")] * 3
    for truth in sorted(story.evidence.truths, key=lambda truth: truth.on_at_s):
        on_s = truth.on_at_s - start_s
        off_s = story.duration_s if truth.off_at_s is None else truth.off_at_s - start_s
        for axis in axes:
            axis.axvspan(on_s, off_s, color=palette.FAULT, alpha=0.10, linewidth=0, zorder=0)
            for edge_s in (on_s, off_s):
                axis.axvline(edge_s, color=palette.FAULT, linewidth=0.6, alpha=0.5, zorder=1)
        needs = max(off_s - on_s, story.duration_s * 0.011 * (len(truth.name) + 4))
        row = next((r for r, until in enumerate(taken_until) if until <= on_s), 0)
        taken_until[row] = on_s + needs
        axes[0].annotate(
            truth.name.replace("_", " "),
            (on_s, 1.0),
            xytext=(1, 3 + 11 * row),
            xycoords=axes[0].get_xaxis_transform(),
            textcoords="offset points",
            color=palette.FAULT,
            fontsize=8.5,
            fontweight="bold",
            annotation_clip=False,
        )
    for action in done[:LINES]:
        for axis in axes[:-1]:
            axis.axvline(action.at_s, color=palette.INK, linewidth=0.8, linestyle=(0, (1, 2)))


def _axis_of_time(axes: list[Axes], duration_s: float) -> None:
    unit_s, unit, steps = panels.time_unit(duration_s)
    step_s = next((s for s in steps if duration_s / s <= 13), steps[-1])
    ticks = [n * step_s for n in range(int(duration_s // step_s) + 1)]
    for axis in axes:
        axis.set_xticks(ticks, [f"{tick / unit_s:g}" for tick in ticks])
        axis.tick_params(length=2.5, labelbottom=axis is axes[-1])
    axes[-1].set_xlabel(f"{unit} since the start of the run")


def _headline(figure: Figure, story: Story, total_in: float) -> None:
    seed = "" if story.seed is None else f"   seed {story.seed}"
    figure.text(0.085, 1 - 0.32 / total_in, story.name, fontsize=16, fontweight="bold")
    figure.text(0.845, 1 - 0.32 / total_in, seed, fontsize=9, color=palette.QUIET_INK, ha="right")
    why = " ".join(story.why.split())
    shown = why if len(why) <= 150 else why[:149] + "…"
    figure.text(0.085, 1 - 0.53 / total_in, shown, fontsize=9, color=palette.QUIET_INK)


def _list(figure: Figure, done: list[Action], total_in: float, listed: int) -> None:
    for row, action in enumerate(done[:LISTED]):
        y = (0.2 * (listed - row) - 0.05) / total_in
        said = f"{panels.moment(action.at_s)}   {action.playbook}: {action.text}"
        figure.text(0.085, y, f"{action.number}", fontsize=8.5, fontweight="bold", ha="right")
        figure.text(0.095, y, said, fontsize=8.5)
    if len(done) > LISTED:
        figure.text(
            0.095,
            0.15 / total_in,
            f"and {len(done) - LISTED} more action{'s' if len(done) > LISTED + 1 else ''}",
            fontsize=8.5,
            color=palette.QUIET_INK,
        )
