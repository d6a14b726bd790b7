"""`selfright shadow`: what other playbooks would decide, beside a controller that runs."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from controller.core.playbook import Playbook
from controller.core.records import record_to_document
from controller.errors import BadInput
from controller.language.loading import load_playbooks
from controller.monitors.layers import catalogue_of
from controller.shell.histories import Contrast, Line, contrast
from controller.shell.journal import segment_paths
from controller.shell.journal_tail import JournalTail
from controller.shell.side_by_side import SideBySide
from selfright.history_view import contrast_lines, line_document, line_text, print_contrast
from selfright.operator_command import parse_duration_s
from selfright.running_stack import find_settings
from selfright.terminal import SafeConsole, one_line_errors, say

POLL_S = 1.0


def register(app: typer.Typer) -> None:
    """Add `shadow` to ``app``."""
    app.command("shadow")(shadow)


def shadow(
    playbooks: Annotated[
        Path, typer.Option("--playbooks", help="Judge by these; nothing of it is published.")
    ],
    journal: Annotated[
        Path | None, typer.Option("--journal", help="Folder (default: the running stack's).")
    ] = None,
    lasting: Annotated[
        str | None, typer.Option("--for", help="End after so long, like 10m (default: Ctrl-C).")
    ] = None,
    settings: Annotated[Path | None, typer.Option("--settings", show_default=False)] = None,
    data_dir: Annotated[Path | None, typer.Option("--data-dir")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One object a line.")] = False,
) -> None:
    """Follow a running controller's facts and print where other playbooks decide otherwise."""
    with one_line_errors():
        known = find_settings(settings, data_dir)
        lasts_s = None if lasting is None else parse_duration_s(lasting)
        others = load_playbooks(playbooks, known, catalogue_of(known))
        folder = journal or known.data_dir / "journal"
        if not segment_paths([folder]) or not folder.is_dir():
            raise BadInput("no journal to follow; no controller has led here", file=str(folder))
        console = SafeConsole(highlight=False, soft_wrap=True)
        watching = Shadow(folder, others, time.time())
        if not as_json:
            say(f"beside {folder}: {len(others)} playbooks of {playbooks}; Ctrl-C ends it")

        def show(line: Line) -> None:
            if as_json:
                _write(line_document(line))
            else:
                console.print(line_text(line))

        with suppress(KeyboardInterrupt):  # the usual end
            watching.watch(show, lasts_s, time.time, time.sleep)
        found, unrecorded = watching.summary()
        if as_json:
            for each in contrast_lines(found, unrecorded, with_timeline=False):
                _write(each)
        else:
            print_contrast(console, found, unrecorded, with_timeline=False)


class Shadow:
    """What was decided since ``since_s``, twice. Facts before that only bring both up to date."""

    def __init__(self, folder: Path, playbooks: tuple[Playbook, ...], since_s: float) -> None:
        self._tail = JournalTail(folder)
        self._both = SideBySide(playbooks)
        self._since_s = since_s
        self._did: list[Mapping[str, object]] = []
        self._would: list[Mapping[str, object]] = []

    def watch(
        self,
        show: Callable[[Line], None],
        lasts_s: float | None,
        now_s: Callable[[], float],
        sleep_s: Callable[[float], None],
    ) -> None:
        """Follow the journal; without ``lasts_s`` until interrupted. Raise BadInput."""
        ends_s = None if lasts_s is None else now_s() + lasts_s
        while True:
            for line in self.poll():
                show(line)
            if ends_s is not None and now_s() >= ends_s:
                return
            sleep_s(POLL_S if ends_s is None else min(POLL_S, max(0.0, ends_s - now_s())))

    def poll(self) -> list[Line]:
        """What either decided in the facts that came since."""
        lines: list[Line] = []
        for each in self._tail.poll():
            if isinstance(each, Mapping):
                self._both.begin(each)
                continue
            decided = self._both.take(each)
            if decided.at_s < self._since_s or not (decided.did or decided.would):
                continue
            did = [record_to_document(record) for record in decided.did]
            would = [record_to_document(record) for record in decided.would]
            self._did += did
            self._would += would
            lines += contrast(did, would).lines
        return lines

    def summary(self) -> tuple[Contrast, tuple[str, ...]]:
        """The whole difference so far, and the readings that no tick held."""
        return contrast(self._did, self._would), self._both.unrecorded()


def _write(document: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()
