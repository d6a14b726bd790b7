"""``DATA_DIR/faults.json``, which arms and the feature pipeline obey; faults may share it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from controller.atomic_file import write_atomically

NAME = "faults.json"
Fragment = dict[str, dict[str, Any]]
"""``{"arms": {...}}`` or ``{"features": {...}}``"""


class FaultFile:
    """Written whole by renaming; removed when no fault is left, since no file means no fault."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / NAME
        self._fragments: list[Fragment] = []

    @contextmanager
    def holding(self, fragment: Fragment) -> Iterator[None]:
        """Have ``fragment`` in the file for the time of the ``with`` block."""
        self._fragments.append(fragment)
        try:
            self._write()
            yield
        finally:
            self._fragments.remove(fragment)
            self._write()

    def _write(self) -> None:
        if not self._fragments:
            self._path.unlink(missing_ok=True)
            return
        content = json.dumps(_merged(self._fragments)).encode()
        write_atomically(self._path, content, durable=False)


def _merged(fragments: list[Fragment]) -> Fragment:
    """Sections joined key by key; of two values for one key lists and mappings are joined, else
    the later wins."""
    whole: Fragment = {}
    for fragment in fragments:
        for section, entries in fragment.items():
            into = whole.setdefault(section, {})
            for key, value in entries.items():
                before = into.get(key)
                if isinstance(before, list) and isinstance(value, list):
                    into[key] = before + [each for each in value if each not in before]
                elif isinstance(before, dict) and isinstance(value, dict):
                    into[key] = {**before, **value}
                else:
                    into[key] = value
    return whole
