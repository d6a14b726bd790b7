"""A counterexample of a proof is saved as a test in which the same things happen."""

from __future__ import annotations

from pathlib import Path

from controller.language.loading import playbook_from_file
from controller.monitors.layers import catalogue_of
from controller.proving.explore import Counterexample
from controller.proving.properties import Fault
from controller.proving.run import begin, follow, subject_of
from controller.proving.world import Disturbance
from controller.rehearsal.counterexample import as_rehearsal
from controller.rehearsal.loading import load_tests
from controller.rehearsal.verdict import rehearse
from controller.rehearsal.writing import rehearsal_text
from controller.settings import Settings

DEAD_END = """\
version: 1
playbook: dead-end
owner: a
why: planted
when: arm_bad{arm=primary} > 20% for 5s
no_data: hold
do:
  - route: {from: primary, to: fallback, share: 100%}
clear_when: arm_rate_per_s{arm=primary} > 10/s for 60s
"""


def test_the_saved_test_passes_and_does_what_the_proof_saw(tmp_path: Path) -> None:
    book = tmp_path / "dead_end.yaml"
    book.write_text(DEAD_END)
    settings = Settings()
    catalogue = catalogue_of(settings)
    playbook = playbook_from_file(book, settings, catalogue)
    subject = subject_of([playbook], settings.for_judge(catalogue))
    dead = follow(subject, begin(subject), frozenset({Disturbance("dead", "primary")}))
    well = follow(subject, dead.after, frozenset())
    fault = Fault("ends", "dead-end", "it never ends", ("dead-end",))
    found = Counterexample(fault, (dead, well))
    saved = tmp_path / "saved.yaml"
    saved.write_text(
        rehearsal_text(as_rehearsal(found, subject, ("dead_end.yaml",), catalogue), "from a proof")
    )
    (file,) = load_tests([saved], settings)
    test = file.tests[0]
    assert rehearse(test.rehearsal, test.service).difference == ""
    in_proof = [r.phase for s in found.stretches for c in s.commits for r in c.records]
    assert [each.phase for each in test.rehearsal.expect] == in_proof
    assert in_proof[:2] == ["opened", "acting"]
