"""Files and folders of playbooks: what `check` reports and what the controller loads.

The only file of the language that touches the disk.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from controller.core.playbook import Playbook
from controller.core.readings import Catalogue
from controller.errors import BadInput
from controller.language.document import Reading, read_document
from controller.language.findings import Finding, Place, Problem, with_source
from controller.language.lint_evidence import EVIDENCE_RULES
from controller.language.lint_limits import LIMIT_RULES
from controller.language.lint_moves import MOVE_RULES
from controller.language.lint_subject import Draft, Subject
from controller.language.lint_thresholds import THRESHOLD_RULES
from controller.language.lint_together import FILE_RULES, FOLDER_RULES, Member
from controller.language.vocabulary import Vocabulary
from controller.language.yaml_text import MAX_BYTES
from controller.settings import Settings

SUFFIXES = (".yaml", ".yml")


def playbook_from_text(text: str, file: str, settings: Settings, catalogue: Catalogue) -> Playbook:
    """Raise BadInput with the first error; warnings pass."""
    read = _read(text, Path(file), Vocabulary.of(settings, catalogue))
    _raise_first_error(sorted(read.findings, key=lambda finding: finding.line))
    assert read.reading.playbook is not None
    return read.reading.playbook


def playbook_from_file(path: Path, settings: Settings, catalogue: Catalogue) -> Playbook:
    """Raise BadInput with the first error; warnings pass."""
    try:
        text = _text(path)
    except Problem as problem:
        raise with_source(problem.finding, str(path), [], 0).as_bad_input() from None
    return playbook_from_text(text, str(path), settings, catalogue)


def load_playbooks(
    directory: Path, settings: Settings, catalogue: Catalogue
) -> tuple[Playbook, ...]:
    """Every playbook directly in a folder, sorted by name. Raise BadInput on the first error.

    A folder without any is one: a deploy that broke off must not leave a service without playbooks.
    """
    if not directory.is_dir():
        raise BadInput("no such folder; accepted: a folder of playbooks", file=str(directory))
    if not playbook_files([directory]):
        what = "no playbooks in this folder; accepted: a folder with at least one YAML file"
        raise BadInput(what, file=str(directory))
    playbooks, findings = _check([directory], Vocabulary.of(settings, catalogue))
    _raise_first_error(findings)
    return tuple(sorted(playbooks, key=lambda playbook: playbook.name))


def playbooks_from_files(
    paths: Iterable[Path], settings: Settings, catalogue: Catalogue
) -> tuple[Playbook, ...]:
    """Those of files and folders. Raise BadInput for the first error of any of them."""
    playbooks, findings = _check(paths, Vocabulary.of(settings, catalogue))
    _raise_first_error(findings)
    return tuple(playbooks)


def check(paths: Iterable[Path], settings: Settings, catalogue: Catalogue) -> list[Finding]:
    """Findings of all files, and of all files directly in the folders, in order of the lines."""
    return _check(paths, Vocabulary.of(settings, catalogue))[1]


def named_files(paths: Iterable[Path]) -> list[Path]:
    """`playbook_files` of what a person named. Raise BadInput when there is none."""
    found = playbook_files(paths)
    if not found:
        raise BadInput("no YAML files; accepted: files, or folders that hold some")
    return found


def playbook_files(paths: Iterable[Path]) -> list[Path]:
    """The files themselves, and the YAML files directly in folders, sorted."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(file for file in path.iterdir() if file.suffix in SUFFIXES)
        else:
            found.append(path)
    return found


def _raise_first_error(findings: Iterable[Finding]) -> None:
    for finding in findings:
        if finding.severity == "error":
            raise finding.as_bad_input()


@dataclass(frozen=True, slots=True)
class _File:
    """One file that could be read as text, and what came of it."""

    path: Path
    text: str
    reading: Reading
    findings: list[Finding]

    def found(self, draft: Draft) -> Finding:
        place = self.reading.places.of(draft.path)
        finding = Finding(
            str(self.path),
            place.line,
            draft.rule,
            draft.severity,
            draft.message,
            draft.advice,
            draft.path,
        )
        return with_source(finding, str(self.path), self.text.splitlines(), place.column)


def _check(paths: Iterable[Path], vocabulary: Vocabulary) -> tuple[list[Playbook], list[Finding]]:
    given = list(paths)
    files: list[_File] = []
    findings: dict[Path, list[Finding]] = {}
    for path in playbook_files(given):
        try:
            file = _read(_text(path), path, vocabulary)
        except Problem as problem:
            findings[path] = [with_source(problem.finding, str(path), [], 0)]
            continue
        files.append(file)
        findings[path] = file.findings
    for folder in {file.path.parent: None for file in files}:
        _check_together([f for f in files if f.path.parent == folder], whole=folder in given)
    playbooks = [f.reading.playbook for f in files if f.reading.playbook is not None]
    return playbooks, [
        finding for found in findings.values() for finding in sorted(found, key=lambda f: f.line)
    ]


def _check_together(files: list[_File], *, whole: bool) -> None:
    """Add to the files' findings. ``whole``: these are all the playbooks of a folder."""
    good = [file for file in files if file.reading.playbook is not None]
    members = [
        Member(file.reading.playbook, str(file.path))
        for file in good
        if file.reading.playbook is not None
    ]
    for rule in FILE_RULES + (FOLDER_RULES if whole and len(good) == len(files) else ()):
        for place, draft in rule(members):
            good[place].findings.append(good[place].found(draft))


def _text(path: Path) -> str:
    """At most one byte more than is accepted is read, so a huge file costs nothing."""
    start = Place(1)
    if path.exists() and not path.is_file():  # opening a pipe would wait for ever
        raise Problem("P001", "is not a file", "accepted: a file of YAML", place=start)
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        advice = "accepted: a file that can"
        raise Problem("P001", f"cannot be read: {reason}", advice, place=start) from None
    if len(raw) > MAX_BYTES:
        advice = f"accepted: at most {MAX_BYTES} bytes"
        raise Problem("P001", "the file is too large", advice, place=start)
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise Problem("P001", "not UTF-8", "accepted: UTF-8 text", place=Place(line)) from None


def _read(text: str, path: Path, vocabulary: Vocabulary) -> _File:
    reading = read_document(text, vocabulary)
    file = _File(
        path, text, reading, [_finding(problem, str(path), text) for problem in reading.problems]
    )
    if reading.playbook is not None:
        subject = Subject(reading.playbook, vocabulary)
        for rule in (*THRESHOLD_RULES, *EVIDENCE_RULES, *MOVE_RULES, *LIMIT_RULES):
            file.findings.extend(file.found(draft) for draft in rule(subject))
    return file


def _finding(problem: Problem, file: str, text: str) -> Finding:
    return with_source(problem.finding, file, text.splitlines(), problem.place.column)
