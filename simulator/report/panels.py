"""One panel each: draws what was seen onto axes whose x is seconds since the start of the run."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from numpy.typing import NDArray

from controller.monitors.system.latency import LATENCY_MS
from simulator.report import palette
from simulator.report.evidence import Evidence
from simulator.report.incidents import Incident, incidents
from simulator.report.story import Action, curve, shown_windows
from simulator.report.windows import Windows

Lane = tuple[str, list[Incident]]
ENDED = frozenset({"recovered", "expired"})
LEAST_SLATES = 20
"""A window with fewer valid slates of an arm shows no click rate."""
SMOOTH = 5
"""Click rates are over so many windows together."""
MAX_LANES = 8


def users_latency(axis: Axes, evidence: Evidence) -> None:
    windows = shown_windows(evidence)
    at_s, p95_ms = _middle_s(windows, evidence), windows.p95_ms()
    axis.plot(at_s, p95_ms, color=palette.INK, linewidth=1.4, label="p95 as users met it")
    axis.set_ylim(0.0, 1.15 * float(np.nanmax(p95_ms, initial=50.0)))
    _objectives(axis, evidence, "latency_ms.p95", 1.0)
    _finish(axis, "users' p95\nms")


def users_availability(axis: Axes, evidence: Evidence) -> None:
    windows = shown_windows(evidence)
    share = 100.0 * _ratio(windows.valid, windows.requests)
    at_s = _middle_s(windows, evidence)
    axis.plot(at_s, share, color=palette.GREEN, linewidth=1.6, label="valid slates")
    least = float(np.nanmin(share, initial=100.0))
    axis.set_ylim(min(98.9, least - 0.08 * (100.0 - least)), 100.0 + 0.08 * max(1.0, 100.0 - least))
    _finish(axis, "availability\n%")


def arm_latency(axis: Axes, evidence: Evidence) -> None:
    """A value at the signal's maximum (cut at its deadline) is drawn along the top."""
    signal = f"arm_latency_ms.p95{{arm={evidence.watched_arm}}}"
    found = curve(evidence, signal)
    limits = [o.threshold for o in evidence.objectives if o.signal == signal]
    top = 1.25 * max([120.0, *limits])
    if found is not None:
        at_s, value = found
        cut = value >= LATENCY_MS.maximum
        measured = np.where(cut, np.nan, value)
        top = max(top, min(1.15 * float(np.nanmax(measured, initial=0.0)), 4 * top))
        axis.plot(at_s, measured, color=palette.BLUE, linewidth=1.4, label="p95 of its attempts")
        if cut.any():
            axis.plot(
                at_s[cut],
                np.full(int(cut.sum()), 0.965 * top),
                linestyle="none",
                marker="^",
                markersize=3.5,
                color=palette.BLUE,
                label="cut at its deadline",
            )
    axis.set_ylim(0.0, top)
    _objectives(axis, evidence, signal, 1.0)
    _finish(axis, f"{evidence.watched_arm}'s p95\nms")


def arm_bad(axis: Axes, evidence: Evidence) -> None:
    signal = f"arm_bad{{arm={evidence.watched_arm}}}"
    found = curve(evidence, signal)
    if found is not None:
        axis.plot(found[0], 100 * found[1], color=palette.BLUE, linewidth=1.4, label="bad attempts")
        axis.fill_between(
            found[0], 0.0, 100 * found[1], color=palette.BLUE, alpha=0.15, linewidth=0
        )
    axis.set_ylim(0.0, 105.0)
    axis.set_yticks([0, 50, 100])
    _objectives(axis, evidence, signal, 100.0)
    _finish(axis, f"{evidence.watched_arm}'s bad\n% of attempts")


def click_rates(axis: Axes, evidence: Evidence) -> None:
    """Points and line: clicks seen; dashes: what the slates were worth in truth."""
    windows = shown_windows(evidence)
    at_s = _middle_s(windows, evidence)
    colours = palette.arm_colours(windows.arms)
    highest = 1.0
    for place, arm in enumerate(windows.arms):
        served = _smooth(windows.served[:, place].astype(np.float64))
        enough = served * SMOOTH >= LEAST_SLATES
        if not arm or not enough.any():
            continue
        rate = np.where(enough, 100 * _ratio(_smooth(windows.clicked[:, place]), served), np.nan)
        axis.plot(at_s, rate, color=colours[arm], linewidth=1.2, label=f"{arm}, seen")
        highest = max(highest, float(np.nanmax(rate, initial=0.0)))
        if windows.expected is not None:
            worth = 100 * _ratio(_smooth(windows.expected[:, place]), served)
            shown = np.where(enough, worth, np.nan)
            axis.plot(
                at_s, shown, color=colours[arm], linestyle="--", linewidth=1.8, label=f"{arm}, true"
            )
            highest = max(highest, float(np.nanmax(shown, initial=0.0)))
    axis.set_ylim(0.0, 1.2 * highest)
    _finish(axis, "slates with\na click, %")


def served_shares(axis: Axes, evidence: Evidence) -> None:
    windows = shown_windows(evidence)
    named = [place for place, arm in enumerate(windows.arms) if arm]
    if named and len(windows.start_s):
        colours = palette.arm_colours(windows.arms)
        shares = 100 * _ratio(windows.served[:, named], windows.valid[:, None]).T
        axis.stackplot(
            _middle_s(windows, evidence),
            np.nan_to_num(shares),
            colors=[colours[windows.arms[place]] for place in named],
            labels=[windows.arms[place] for place in named],
            alpha=0.85,
            linewidth=0,
        )
    axis.set_ylim(0.0, 100.0)
    axis.set_yticks([0, 50, 100])
    _finish(axis, "served by\n% of slates")


def lanes(evidence: Evidence) -> list[Lane]:
    """Incidents by playbook, those at one time below each other.

    Those that only joined are there too: the last one to leave returns the traffic.
    """
    found: list[Lane] = []
    for incident in incidents(evidence, joined=True):
        for name, lane in found:
            if name == incident.playbook and _end_s(lane[-1], evidence) <= incident.opened_at_s:
                lane.append(incident)
                break
        else:
            found.append((incident.playbook, [incident]))
    return sorted(found, key=lambda lane: lane[0])


def incident_bars(axis: Axes, evidence: Evidence, every: list[Lane], done: list[Action]) -> None:
    """A bar per incident in the colours of its phases, its numbered actions above it.

    Of more than `MAX_LANES` lanes the first are drawn, and how many are not is said.
    """
    rows, left_out = every[:MAX_LANES], every[MAX_LANES:]
    start_s, seen = evidence.started_at_s, set()
    for row, (_, lane) in enumerate(rows):
        for incident in lane:
            ends = [at_s for at_s, _ in incident.life[1:]] + [_end_s(incident, evidence)]
            for (from_s, phase), to_s in zip(incident.life, ends, strict=True):
                if phase in ENDED:
                    axis.plot(from_s - start_s, row, "|", color=palette.INK, markersize=10)
                    continue
                seen.add(phase)
                colour = palette.PHASES[phase]
                axis.barh(row, to_s - from_s, 0.42, from_s - start_s, color=colour, linewidth=0)
    names = [name for name, _ in rows]
    for action in done:
        if action.playbook not in names:
            continue
        row = names.index(action.playbook)
        axis.plot(action.at_s, row - 0.36, "v", color=palette.INK, markersize=4, clip_on=False)
        axis.annotate(
            str(action.number),
            (action.at_s, row - 0.36),
            xytext=(4, -1),
            textcoords="offset points",
            fontsize=8,
            fontweight="bold",
        )
    axis.set_ylim(max(1, len(rows)) - 0.5, -0.75)
    axis.set_yticks(range(len(rows)), [name.replace("-", "-\n", 1) for name in names])
    axis.tick_params(axis="y", length=0)
    axis.grid(visible=False, axis="y")
    if not rows:
        axis.text(0.5, 0.5, "no incident", transform=axis.transAxes, ha="center", va="center")
    if left_out:
        count = sum(len(lane) for _, lane in left_out)
        said = f"and {count} more incident{'s' if count > 1 else ''}"
        axis.text(0.995, 0.02, said, transform=axis.transAxes, ha="right", fontsize=8.5)
    shown = [Patch(color=palette.PHASES[p], label=p) for p in palette.PHASES if p in seen]
    if shown:
        axis.legend(handles=shown, loc="center left", bbox_to_anchor=(1.005, 0.5))


def time_unit(duration_s: float) -> tuple[float, str, tuple[float, ...]]:
    """Seconds of one unit, its name, and steps in seconds between ticks."""
    if duration_s <= 300:
        return 1.0, "seconds", (5, 10, 15, 30)
    if duration_s <= 3 * 3600:
        return 60.0, "minutes", (60, 120, 300, 600, 900)
    if duration_s <= 3 * 86_400:
        return 3_600.0, "hours", (1_800, 3_600, 7_200, 10_800, 21_600)
    return 86_400.0, "days", (43_200, 86_400, 172_800, 604_800)


def moment(at_s: float) -> str:
    """``34.5 s``, ``12:05 min``, ``3:20:15 h``."""
    if at_s < 300:
        return f"{at_s:.1f} s"
    minutes, seconds = divmod(round(at_s), 60)
    if minutes < 180:
        return f"{minutes}:{seconds:02d} min"
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d} h"


def _objectives(axis: Axes, evidence: Evidence, signal: str, scale: float) -> None:
    """Dashed: a playbook acts beyond it; dotted: it is over beyond it."""
    for side, dashes, word in (("when", (0, (5, 3)), "acts"), ("clear", (0, (1, 2)), "clears")):
        limits = [o for o in evidence.objectives if o.signal == signal and o.side == side]
        for threshold in dict.fromkeys(objective.threshold for objective in limits):
            axis.axhline(
                scale * threshold,
                color=palette.LIMIT if side == "when" else palette.QUIET_INK,
                linestyle=dashes,
                linewidth=1.1,
                label=f"{word} at {scale * threshold:g}",
            )


def _finish(axis: Axes, label: str) -> None:
    axis.set_ylabel(label)
    axis.yaxis.set_label_coords(-0.055, 0.5)
    if axis.get_legend_handles_labels()[0]:
        axis.legend(loc="center left", bbox_to_anchor=(1.005, 0.5), handlelength=1.6)


def _end_s(incident: Incident, evidence: Evidence) -> float:
    return incident.last_at_s if incident.last_phase in ENDED else evidence.ended_at_s


def _middle_s(windows: Windows, evidence: Evidence) -> NDArray[np.float64]:
    return windows.start_s - evidence.started_at_s + windows.width_s / 2


def _ratio(part: NDArray[np.generic], whole: NDArray[np.generic]) -> NDArray[np.float64]:
    """NaN where the whole is nothing."""
    some = np.asarray(whole, dtype=np.float64)
    return np.asarray(part, dtype=np.float64) / np.where(some > 0, some, np.nan)


def _smooth(values: NDArray[np.generic]) -> NDArray[np.float64]:
    """Mean over `SMOOTH` windows around each; fewer at the ends."""
    wide = np.asarray(values, dtype=np.float64)
    upto = np.concatenate([[0.0], np.cumsum(wide)])
    place = np.arange(len(wide))
    first = np.maximum(0, place - SMOOTH // 2)
    last = np.minimum(len(wide), place + SMOOTH // 2 + 1)
    return np.asarray((upto[last] - upto[first]) / (last - first), dtype=np.float64)
