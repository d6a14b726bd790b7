"""The judge: one step beside rule engines, replay and journal of a day, noise beside a naive
rule, takeover beside the lease.

`python -m benchmarks.judge [--quick] [--json]`
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from benchmarks import judge_noise, judge_replay, judge_step, judge_takeover
from benchmarks.figure import Figure, run_benchmark

THEMES = (judge_step.figures, judge_replay.figures, judge_noise.figures, judge_takeover.figures)


def figures(quick: bool) -> Iterator[Figure]:
    for theme in THEMES:
        yield from theme(quick)


def main(arguments: Sequence[str] | None = None) -> int:
    return run_benchmark(__doc__ or "", arguments, figures)


if __name__ == "__main__":
    sys.exit(main())
