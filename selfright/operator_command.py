"""What people may command: approve, reject, freeze, thaw, override, release, promote, acknowledge.

A command is published again and again until a record of the decision log names its id; without
one in time it fails visibly.
"""

from __future__ import annotations

import getpass
import json
import os
import re
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from controller.adapters.kafka_bus import KafkaBusWriter
from controller.atomic_file import write_atomically
from controller.errors import BadInput
from controller.language.quantities import DURATIONS_S
from controller.settings import Settings
from controller.shell.commanding import Command, command_until_recorded
from selfright.arms_at_hand import arms_at_hand
from selfright.plan_access import open_store
from selfright.running_stack import DEFAULT_DATA_DIR, find_settings
from selfright.terminal import SafeConsole, one_line_errors, warn

CAP_S = 30.0
LOCAL_OVERRIDE_S = 3_600.0
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(s|m|h|d)")

SettingsFile = Annotated[
    Path | None, typer.Option("--settings", help="Settings file of the stack.", show_default=False)
]
DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="Data folder of the stack (default .selfright).")
]
Target = Annotated[str, typer.Argument(help="As `selfright status` shows it.")]
Who = Annotated[str | None, typer.Option("--who", help="In whose name (default: you).")]
Cap = Annotated[float, typer.Option("--wait", help="Seconds to wait for the record.", min=1.0)]
For = Annotated[str | None, typer.Option("--for", help="For how long: 30s, 10m, 1h, 2d.")]
Json = Annotated[bool, typer.Option("--json", help="The record that answers, as JSON.")]


def register(app: typer.Typer) -> None:
    """Add the operator commands to ``app``."""
    for verb, about in (
        ("approve", "Approve what a playbook asks for, by the approval's id."),
        ("reject", "Reject what a playbook asks for, by the approval's id."),
        ("thaw", "End the freeze of all, promotions, or a playbook."),
        ("release", "End an override, by its id."),
        ("acknowledge", "Say that a person looks after an incident, by its id."),
    ):
        app.command(verb, help=about)(_simple(verb))
    app.command()(freeze)
    app.command()(override)
    app.command()(promote)


def freeze(
    what: Annotated[str, typer.Argument(help="all, promotions, or a playbook's name.")],
    for_: For = None,
    settings: SettingsFile = None,
    data_dir: DataDir = None,
    who: Who = None,
    wait: Cap = CAP_S,
    as_json: Json = False,
) -> None:
    """Stop the controller from acting on something."""
    with one_line_errors():
        _send("freeze", _lasting(what, for_), find_settings(settings, data_dir), who, wait, as_json)


def promote(
    version: Annotated[str, typer.Argument(help="A registered model version.")],
    into: Annotated[str, typer.Option("--into", help="The arm that shall serve it.")],
    settings: SettingsFile = None,
    data_dir: DataDir = None,
    who: Who = None,
    wait: Cap = CAP_S,
    as_json: Json = False,
) -> None:
    """Serve a candidate: your word is the approval."""
    with one_line_errors():
        target = f"{version}:{into}"
        _send("promote", target, find_settings(settings, data_dir), who, wait, as_json)


def override(
    shares: Annotated[str, typer.Argument(help="primary=0,fallback=1")],
    for_: For = None,
    local: Annotated[
        Path | None,
        typer.Option("--local", help="Write this file beside the router; needs nothing else up."),
    ] = None,
    settings: SettingsFile = None,
    data_dir: DataDir = None,
    who: Who = None,
    wait: Cap = CAP_S,
    as_json: Json = False,
) -> None:
    """Set the shares yourself, above all playbooks. With --local FILE: without Redis and Kafka."""
    with one_line_errors():
        parsed = parse_shares(shares)
        if local is not None:
            folder = data_dir or DEFAULT_DATA_DIR
            _check_arms(parsed, arms_at_hand(settings, folder))
            _write_local(parsed, local, folder, for_, who)
            return
        target = _lasting(",".join(f"{arm}={share:g}" for arm, share in parsed.items()), for_)
        _send("override", target, find_settings(settings, data_dir), who, wait, as_json)


def parse_shares(text: str) -> dict[str, float]:
    """``primary=0,fallback=1`` as arm to share. Raise BadInput."""
    shares: dict[str, float] = {}
    for pair in text.split(","):
        arm, equals, number = pair.strip().partition("=")
        try:
            share = float(number)
        except ValueError:
            share = -1.0
        if not equals or not arm or not 0.0 <= share <= 1.0:
            raise BadInput(
                f"{pair.strip()!r} is not ARM=SHARE with a share from 0 to 1", field="shares"
            )
        if arm in shares:
            raise BadInput(f"the arm {arm!r} is given twice; accepted: once", field="shares")
        shares[arm] = share
    if abs(sum(shares.values()) - 1.0) > 1e-6:
        raise BadInput(f"the shares sum to {sum(shares.values()):g}, not to 1", field="shares")
    return shares


def parse_duration_s(text: str) -> float:
    """``90s``, ``10m``, ``1h``, ``2d`` in seconds. Raise BadInput."""
    found = _DURATION.fullmatch(text.strip())
    if found is None or float(found[1]) <= 0:
        raise BadInput(f"{text!r} is not a duration; accepted: 30s, 10m, 1h, 2d", field="--for")
    return float(found[1]) * DURATIONS_S[found[2]]


def _simple(verb: str) -> Callable[..., None]:
    def run(
        target: Target,
        settings: SettingsFile = None,
        data_dir: DataDir = None,
        who: Who = None,
        wait: Cap = CAP_S,
        as_json: Json = False,
    ) -> None:
        with one_line_errors():
            _send(verb, target, find_settings(settings, data_dir), who, wait, as_json)

    return run


def _send(
    verb: str, target: str, settings: Settings, who: str | None, cap_s: float, as_json: bool
) -> None:
    command = Command(f"{verb}-{uuid.uuid4().hex[:12]}", _name(who), verb, target)
    store = open_store(settings)
    writer = KafkaBusWriter(settings.endpoints.kafka, partitions=settings.partitions)
    try:
        record = command_until_recorded(command, writer, store, settings.service, cap_s)
    finally:
        writer.close()
        store.close()
    if as_json:
        sys.stdout.write(json.dumps(record) + "\n")
    else:
        SafeConsole(soft_wrap=True, highlight=False).print(record["sentence"], markup=False)
    if not record["details"].get("accepted", True):
        raise typer.Exit(1)


def _check_arms(shares: dict[str, float], known: tuple[str, ...] | None) -> None:
    """Routers refuse the whole file for one name they do not know."""
    if known is None:
        warn("no plan and no settings are at hand: whether these arms exist was not checked")
        return
    for arm in shares:
        if arm not in known:
            accepted = f"accepted: {', '.join(known)}"
            raise BadInput(f"there is no arm {arm!r}; {accepted}", field="shares")


def _write_local(
    shares: dict[str, float],
    path: Path,
    folder: Path,
    for_: str | None,
    who: str | None,
) -> None:
    """Write the file, and the data folder's own ``override.json`` when there is a folder."""
    lasts_s = LOCAL_OVERRIDE_S if for_ is None else parse_duration_s(for_)
    document = {"shares": shares, "who": _name(who), "expires_at_s": time.time() + lasts_s}
    content = json.dumps(document).encode()
    beside = [folder / "override.json"] if folder.is_dir() else []
    for place in dict.fromkeys(each.resolve() for each in (path, *beside)):
        try:
            write_atomically(place, content)
        except OSError as error:
            raise BadInput(f"cannot be written: {error.strerror}", file=str(place)) from None
        sys.stdout.write(f"wrote {place}; it ends by itself after {lasts_s:g} s\n")


def _lasting(target: str, for_: str | None) -> str:
    """The judge reads ``TARGET for SECONDSs``; without it, until a person ends it."""
    return target if for_ is None else f"{target} for {parse_duration_s(for_):g}s"


def _name(who: str | None) -> str:
    if who:
        return who
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return f"uid-{os.getuid()}"
