"""One test run and judged: as expected or not, and why not."""

from __future__ import annotations

from dataclasses import dataclass

from controller.rehearsal.comparing import compare
from controller.rehearsal.difference import difference_text
from controller.rehearsal.model import Rehearsal
from controller.rehearsal.service import Service
from controller.rehearsal.timeline import timeline_text
from controller.rehearsal.world import run


@dataclass(frozen=True, slots=True)
class Verdict:
    """``why`` is one line, ``difference`` is for reading; both empty when it passed.

    ``timeline`` is all that happened, as a golden file has it.
    """

    rehearsal: Rehearsal
    timeline: str
    why: str = ""
    difference: str = ""

    @property
    def passed(self) -> bool:
        return not self.why


def rehearse(rehearsal: Rehearsal, service: Service) -> Verdict:
    """Run it; where it fails, run it again up to the first difference and look closely."""
    happened = run(rehearsal, service).happened
    timeline = timeline_text(rehearsal.name, happened)
    comparison = compare(rehearsal, happened)
    if comparison.as_expected:
        return Verdict(rehearsal, timeline)
    sight = run(rehearsal, service, look_at_s=comparison.differs_at_s).sight
    return Verdict(rehearsal, timeline, comparison.why, difference_text(comparison, sight))
