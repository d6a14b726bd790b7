"""Notices that playbook files changed, re-checks them, and keeps the old set when they are bad."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from controller.core.playbook import Playbook
from controller.errors import BadInput

LOG = logging.getLogger(__name__)
PATTERNS = ("*.yaml", "*.yml")

Load = Callable[[], tuple[Playbook, ...]]
Fingerprint = tuple[tuple[str, int, int], ...]


class PlaybookWatch:
    """``load`` reads and checks the whole folder, or raises BadInput.

    ``last_good`` gives the set that was accepted last, from an earlier life: a restart must not
    fail on a file that a running controller would have refused. Without one, or with an empty one,
    BadInput is raised.
    ``keep`` is told every set that is accepted.
    """

    def __init__(
        self,
        folder: Path,
        load: Load,
        last_good: Callable[[], tuple[Playbook, ...] | None] = lambda: None,
        keep: Callable[[tuple[Playbook, ...]], None] = lambda _playbooks: None,
    ) -> None:
        self._folder = folder
        self._load = load
        self._keep = keep
        self._seen = self._fingerprint()
        self._asked = False
        self.refused = 0
        self.trouble = ""
        """Why the files as they are now were refused; empty when they are in force."""
        self.playbooks = self._first(last_good)
        LOG.info("playbooks loaded: %s", ", ".join(p.name for p in self.playbooks))

    def _first(self, last_good: Callable[[], tuple[Playbook, ...] | None]) -> tuple[Playbook, ...]:
        try:
            found = self._load()
        except BadInput as error:
            kept = last_good()
            if not kept:
                raise
            self._refuse(error, "the set accepted last is used")
            return kept
        self._keep(found)
        return found

    def ask(self) -> None:
        """Re-check at the next tick even if no file looks changed (SIGHUP)."""
        self._asked = True

    def changed(self) -> tuple[Playbook, ...] | None:
        """The new set when there is a good and different one, else None."""
        found = self._fingerprint()
        if found == self._seen and not self._asked:
            return None
        self._seen, self._asked = found, False
        try:
            fresh = self._load()
        except BadInput as error:
            self._refuse(error, "the old set stays")
            return None
        self.trouble = ""
        if [p.sha256 for p in fresh] == [p.sha256 for p in self.playbooks]:
            return None
        self.playbooks = fresh
        self._keep(fresh)
        LOG.info("playbooks loaded anew: %s", ", ".join(p.name for p in fresh))
        return fresh

    def _refuse(self, error: BadInput, instead: str) -> None:
        self.refused += 1
        self.trouble = str(error)
        LOG.error("playbooks refused, %s: %s", instead, error)

    def _fingerprint(self) -> Fingerprint:
        paths = sorted(path for pattern in PATTERNS for path in self._folder.glob(pattern))
        found = []
        for path in paths:
            try:
                status = path.stat()
            except FileNotFoundError:
                continue  # removed between listing and looking: the next tick sees it gone
            found.append((path.name, status.st_mtime_ns, status.st_size))
        return tuple(found)
