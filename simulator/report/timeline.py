"""Writes the report of a run into a file: a page, or only its picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from controller.atomic_file import write_atomically
from controller.errors import BadInput
from simulator.report.evidence import Evidence
from simulator.report.story import Breach, Story, Told

ENDINGS = (".html", ".png")


class Named(Protocol):
    """A scenario, as far as a report tells of it."""

    @property
    def name(self) -> str: ...
    @property
    def why(self) -> str: ...


class RunOutcome(Protocol):
    """What a virtual run came to, as far as a report tells of it."""

    @property
    def scenario(self) -> Named: ...
    @property
    def seed(self) -> int: ...
    @property
    def command(self) -> str: ...
    @property
    def evidence(self) -> Evidence: ...
    @property
    def judged(self) -> Sequence[Told]: ...
    @property
    def broken(self) -> Sequence[Breach]: ...


def check_ending(path: Path) -> None:
    """Before a long run: raise BadInput for a file that no report can be written to."""
    if path.suffix.lower() not in ENDINGS:
        raise BadInput(f"{path.name}: accepted: a name in {' or '.join(ENDINGS)}", field="--report")
    if not path.resolve().parent.is_dir():
        raise BadInput(f"{path}: its folder does not exist", field="--report")


def write_report(outcome: RunOutcome, path: Path) -> None:
    """Of a virtual run: ``.html`` is the whole page, ``.png`` its picture. Raise BadInput."""
    story = Story(
        name=outcome.scenario.name,
        why=outcome.scenario.why,
        command=outcome.command,
        evidence=outcome.evidence,
        seed=outcome.seed,
        judged=outcome.judged,
        broken=outcome.broken,
    )
    write_story(story, path)


def write_story(story: Story, path: Path) -> None:
    """Of a run in either world. Raise BadInput for another ending, or a file that cannot be."""
    check_ending(path)
    from simulator.report.page import as_html  # noqa: PLC0415  (draws: slow to import)
    from simulator.report.picture import as_png  # noqa: PLC0415

    page = path.suffix.lower() == ".html"
    content = as_html(story).encode() if page else as_png(story)
    try:
        write_atomically(path, content, durable=False)
    except OSError as error:
        raise BadInput(f"{path} cannot be written: {error.strerror}", field="--report") from None
