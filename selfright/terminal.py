"""How commands speak: progress on stderr, one line for what went wrong, exit codes.

0 well, 1 the world did not do what was asked, 2 bad input.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from controller.errors import BadInput, SelfrightError
from controller.steering import visible


class SafeConsole(Console):
    """A console on which text steers nothing: only rich's own codes reach the terminal."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else visible(text), style, control)


progress_console = SafeConsole(stderr=True, highlight=False)


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn what a person or the world did wrong into one line and an exit code.

    Our own mistakes are not caught: they crash with their trace.
    """
    try:
        yield
    except SelfrightError as error:
        raise typer.Exit(refusal(error)) from None


def say(line: str) -> None:
    """One line of progress with the wall time."""
    clock = time.strftime("%H:%M:%S")
    progress_console.print(f"[dim]{clock}[/dim] {line}", soft_wrap=True)


def refusal(error: SelfrightError) -> int:
    """Print the one line on stderr and give the exit code that goes with it."""
    warn(str(error))
    return 2 if isinstance(error, BadInput) else 1


def warn(line: str) -> None:
    """One line on stderr, also where what it names has several."""
    sys.stderr.write(f"selfright: {visible(' '.join(line.split()))}\n")
