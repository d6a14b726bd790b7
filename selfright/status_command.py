"""`selfright status`: plan, claims, incidents, arms and readings, as they are now."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from controller.core.state import STATE_FORMAT, state_from_document
from controller.errors import BadInput, Unavailable
from controller.settings import Settings
from controller.shell.log_sources import STORED_FILE
from controller.shell.readings_file import read_readings
from selfright.moments import age
from selfright.plan_access import open_store
from selfright.running_stack import find_settings
from selfright.terminal import SafeConsole, one_line_errors

STALE_S = 5.0
"""Readings older than this mean that no controller is at work."""
_OTHER_SHAPE = (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError)
"""What reading a document of another shape ends in."""
STATE_STYLES = {
    "ok": "green",
    "insufficient": "yellow",
    "stale": "red",
    "idle": "dim",
    "down": "red",
}


@dataclass(frozen=True, slots=True)
class Status:
    """What was found, and where plan and state came from (``store`` or ``disk``).

    ``place`` names the file, or the store, for people.
    """

    source: str
    place: str
    trouble: str
    plan: Mapping[str, Any] | None
    state: Mapping[str, Any] | None
    readings: Mapping[str, Any] | None


def register(app: typer.Typer) -> None:
    """Add `status` to ``app``."""
    app.command()(status)


def status(
    settings: Annotated[Path | None, typer.Option("--settings", show_default=False)] = None,
    data_dir: Annotated[Path | None, typer.Option("--data-dir")] = None,
    all_readings: Annotated[bool, typer.Option("--all", help="Idle readings too.")] = False,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """What is true now. Exit code 1 when neither the store nor the disk copy can be read."""
    with one_line_errors():
        found = look(find_settings(settings, data_dir))
        shown = _shown(found, all_readings)
        if as_json:
            document = {
                "source": found.source,
                "trouble": found.trouble,
                "plan": found.plan,
                "state": found.state,
                "readings": found.readings,
                "silent_s": silent_s(found.readings, time.time()),
            }
            sys.stdout.write(json.dumps(document) + "\n")
        else:
            SafeConsole(highlight=False).print(shown)
        if found.plan is None and found.trouble:
            raise typer.Exit(1)


def look(settings: Settings) -> Status:
    """Read the store, else the copy on disk, and the newest readings."""
    readings = read_readings(settings.data_dir)
    try:
        stored = open_store(settings).load()
        plan = stored.plan if stored else None
        state = stored.state if stored else None
        place = "the store"
        return Status("store", place, "", _document(plan, place), _document(state, place), readings)
    except Unavailable as error:
        path = settings.data_dir / STORED_FILE
        plan, state = _on_disk(path)
        place = str(path)
        return Status(
            "disk", place, str(error), _document(plan, place), _document(state, place), readings
        )


def _on_disk(path: Path) -> tuple[bytes | None, bytes | None]:
    try:
        stored = json.loads(path.read_bytes())
        plan, state = (None if stored[n] is None else stored[n].encode() for n in ("plan", "state"))
    except FileNotFoundError:
        return None, None
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}", file=str(path)) from None
    except (*_OTHER_SHAPE, RecursionError) as error:
        raise _damaged(error, str(path)) from None
    return plan, state


def _document(content: bytes | None, place: str) -> Mapping[str, Any] | None:
    if content is None:
        return None
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _damaged(error, place) from None
    if not isinstance(document, dict):
        raise _damaged(TypeError("plan or state is no mapping"), place)
    return document


def _shown(found: Status, all_readings: bool) -> RenderableType:
    """Raise BadInput when plan or state are not what a controller writes."""
    try:
        if found.state is not None and found.state.get("format") == STATE_FORMAT:
            state_from_document(found.state)
        return _view(found, all_readings, time.time())
    except _OTHER_SHAPE as error:
        raise _damaged(error, found.place) from None


def _damaged(error: Exception, place: str) -> BadInput:
    what = f"the stored plan and state are damaged ({type(error).__name__}: {error})"
    return BadInput(f"{what}; accepted: what a controller writes there", file=place)


def _view(found: Status, all_readings: bool, now_s: float) -> RenderableType:
    parts: list[RenderableType] = [_controller_line(found.readings, now_s)]
    if found.readings and found.readings.get("playbooks_refused"):
        why = found.readings["playbooks_refused"]
        parts.append(Text(f"playbooks as they are now are refused, the old stay: {why}", "red"))
    if found.trouble:
        parts.append(Text(f"store: {found.trouble}; shown from the disk copy", "yellow"))
    if found.plan is None:
        parts.append(Text("no plan has been published yet", "yellow"))
    else:
        parts += [_plan_line(found.plan, now_s), _arms(found.plan)]
        parts += _work(found.plan)
    if found.state is not None:
        parts += _state_parts(found.state, now_s)
    if found.readings is not None:
        parts.append(_readings(found.readings, all_readings))
    return Group(*parts)


def silent_s(readings: Mapping[str, Any] | None, now_s: float) -> float | None:
    """For how long no controller has judged; 0 while one is at work, None before it ever did."""
    if readings is None:
        return None
    age_s = now_s - float(readings["at_s"])
    return age_s if age_s > STALE_S else 0.0


def _controller_line(readings: Mapping[str, Any] | None, now_s: float) -> Text:
    age_s = silent_s(readings, now_s)
    if readings is None or age_s is None:
        return Text("controller: has written nothing yet", "yellow")
    if age_s:
        return Text(f"controller: silent for {age_s:.0f} s (was {readings['role']})", "bold red")
    style = "bold red" if readings["pages"] else "green"
    return Text(f"controller: {readings['role']}: {readings['standing']}", style)


def _plan_line(plan: Mapping[str, Any], now_s: float) -> Text:
    frozen = f", frozen: {', '.join(plan['frozen'])}" if plan["frozen"] else ""
    shed = f", shedding {plan['shed_share']:.0%}" if plan["shed_share"] else ""
    return Text(
        f"plan {plan['epoch']}-{plan['revision']} of {plan['service']}, "
        f"published {age(plan['at_s'], now_s)} ago, control {plan['control_share']:.0%} "
        f"to {plan['control_arm']}{shed}{frozen}"
    )


def _arms(plan: Mapping[str, Any]) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in ("arm", "share", "version", "deadline", "probes", "owner of the share"):
        table.add_column(name)
    for name, arm in plan["arms"].items():
        owner = plan["owners"].get(f"arms.{name}.share", "baseline")
        probes = plan["probe_per_s"].get(name, 0.0)
        table.add_row(
            Text(name, "bold"),
            f"{arm['share']:.0%}",
            Text(str(arm["version"])),
            f"{arm['deadline_ms']:g} ms",
            f"{probes:g}/s" if probes else "-",
            Text(str(owner)),
        )
    return table


def _work(plan: Mapping[str, Any]) -> list[RenderableType]:
    return [
        Text(f"wanted: {work['kind']} {work['id']} (for {work['owner']})", "blue")
        for work in plan["wanted"]
    ]


def _state_parts(state: Mapping[str, Any], now_s: float) -> list[RenderableType]:
    parts: list[RenderableType] = _bundle(state)
    for incident in state["incidents"]:
        target = f" ({incident['target']})" if incident["target"] else ""
        line = (
            f"incident {incident['id']}: {incident['playbook']['name']}{target} is "
            f"{incident['phase']} since {age(incident['phase_since_s'], now_s)} ago"
        )
        parts.append(Text(line, "bold yellow"))
        parts += [Text(f"  claim: {_brief(claim)}") for claim in incident["claims"]]
    if not state["incidents"]:
        parts.append(Text("no open incident", "green"))
    for claim in state["overrides"]:
        parts.append(Text(f"override {claim['owner']}: {_brief(claim)}", "bold blue"))
    for mark in state["freezes"]:
        parts.append(Text(f"frozen: {mark['what']} by {mark['who']} {mark['why']}", "magenta"))
    for asked in state["approvals"]:
        hint = f"selfright approve {asked['id']}"
        parts.append(Text(f"waits for a person: {asked['sentence']} ({hint})", "bold magenta"))
    return parts


def _bundle(state: Mapping[str, Any]) -> list[RenderableType]:
    """Nothing for a state of a release that did not name it."""
    bundle = state.get("bundle") or {}
    if not bundle.get("sha256"):
        return []
    count = len(bundle["playbooks"])
    return [Text(f"bundle {bundle['sha256'][:12]}: {count} playbook{'' if count == 1 else 's'}")]


def _brief(claim: Mapping[str, Any]) -> str:
    shown = {k: v for k, v in claim.items() if v not in (None, "", {}, [], False) and k != "owner"}
    return ", ".join(f"{name} {value}" for name, value in shown.items())


def _readings(document: Mapping[str, Any], all_readings: bool) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("reading")
    table.add_column("value", justify="right")
    table.add_column("state")
    table.add_column("n", justify="right")
    table.add_column("")
    for reading in document["readings"]:
        if reading["state"] in ("idle", "insufficient") and not all_readings:
            continue
        value = reading["value"]
        table.add_row(
            Text(reading["signal"]),
            "-" if value is None else f"{value:.6g}",
            Text(reading["state"], STATE_STYLES.get(reading["state"], "")),
            str(reading["sample_size"]),
            Text(reading["note"], "dim"),
        )
    return table
