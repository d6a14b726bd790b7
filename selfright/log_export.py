"""`selfright decisions export`: the log as a file for other tools."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from controller.errors import BadInput
from controller.shell.decision_table import write_parquet

ExportFormat = Literal["jsonl", "parquet"]


def format_of(named: str | None, output: Path) -> ExportFormat:
    """As named, else by the file's ending. Raise BadInput."""
    found = (named or output.suffix.removeprefix(".")).lower()
    if found == "jsonl":
        return "jsonl"
    if found == "parquet":
        return "parquet"
    raise BadInput(
        f"no such format: {found or output.name!r}; accepted: jsonl, parquet", field="--format"
    )


def export(lines: Sequence[bytes], form: ExportFormat, output: Path) -> None:
    """Write sealed lines. Raise BadInput when the file cannot be written."""
    if form == "parquet":
        write_parquet(lines, output)
        return
    try:
        output.write_bytes(b"".join(line + b"\n" for line in lines))
    except OSError as error:
        raise BadInput(f"cannot be written: {error.strerror}", file=str(output)) from None
