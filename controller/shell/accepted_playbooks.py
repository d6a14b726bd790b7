"""The playbooks accepted last, as one file: what a restart falls back on when the folder is bad."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from controller.atomic_file import write_atomically
from controller.core.playbook import Playbook
from controller.core.playbook_document import playbook_from_document, playbook_to_document
from controller.shell.canonical import canonical_bytes

LOG = logging.getLogger(__name__)
FILE = Path("snapshots") / "playbooks.json"


class AcceptedPlaybooks:
    """Kept under the data folder. A folder that cannot be written is said, not fatal."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / FILE

    def keep(self, playbooks: tuple[Playbook, ...]) -> None:
        document = [playbook_to_document(playbook) for playbook in playbooks]
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self._path, canonical_bytes({"playbooks": document}))
        except OSError as error:
            LOG.error("the accepted playbooks were not kept: %s", error)

    def last(self) -> tuple[Playbook, ...] | None:
        """None when there are none, or none this release can read."""
        try:
            document = json.loads(self._path.read_bytes())
            return tuple(playbook_from_document(each) for each in document["playbooks"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            LOG.error("the accepted playbooks cannot be read: %s", error)
            return None
