"""Files of tests and what they name: playbooks, settings. The only file here that reads a disk."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from controller.core.playbook import Playbook
from controller.errors import BadInput
from controller.language.findings import Place, Problem, with_source
from controller.language.loading import SUFFIXES, playbook_files, playbook_from_file
from controller.language.vocabulary import Vocabulary
from controller.language.yaml_text import MAX_BYTES
from controller.monitors.layers import catalogue_of
from controller.rehearsal.document import Head, Read, read_heads, read_test
from controller.rehearsal.model import Rehearsal
from controller.rehearsal.service import Service
from controller.rehearsal.signals import unread
from controller.settings import Settings
from controller.settings_file import read_settings


@dataclass(frozen=True, slots=True)
class LoadedTest:
    """A test, ready to run."""

    rehearsal: Rehearsal
    service: Service


@dataclass(frozen=True, slots=True)
class LoadedFile:
    path: Path
    tests: tuple[LoadedTest, ...]


def load_tests(paths: Iterable[Path], settings: Settings) -> tuple[LoadedFile, ...]:
    """Files, and the YAML files directly in folders. Raise BadInput with the first error."""
    files = list({path.resolve(): path for path in playbook_files(paths)}.values())
    if not files:
        raise BadInput("no YAML files; accepted: playbook tests, or folders that hold some")
    loader = _Loader(settings)
    return tuple(loader.load(path) for path in files)


class _Loader:
    """Playbooks and settings that several tests name are read once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._vocabularies: dict[Path | None, Vocabulary] = {}
        self._playbooks: dict[tuple[Path | None, Path], Playbook] = {}

    def load(self, path: Path) -> LoadedFile:
        text = _text(path)
        try:
            heads = read_heads(text)
            read = [self._test(head, path.parent) for head in heads]
            _refuse_unread(heads, read)
        except Problem as problem:
            lines = text.splitlines()
            finding = with_source(problem.finding, str(path), lines, problem.place.column)
            raise finding.as_bad_input() from None
        return LoadedFile(path, tuple(LoadedTest(r.rehearsal, service) for r, service in read))

    def _test(self, head: Head, folder: Path) -> tuple[Read, Service]:
        named = folder / head.settings if head.settings else None
        if named is not None and not named.is_file():
            what, field = f"there is no file {named}", f"{head.path}.settings".lstrip(".")
            advice = "accepted: a settings file, from the folder of the test"
            raise Problem("P012", what, advice, place=head.settings_place, field=field)
        vocabulary = self._vocabulary(named)
        playbooks = self._set(head, folder, named, vocabulary)
        read = read_test(head, [each.name for each in playbooks], vocabulary)
        judge = vocabulary.settings.for_judge(vocabulary.catalogue)
        return read, Service(playbooks, judge, vocabulary.catalogue)

    def _vocabulary(self, named: Path | None) -> Vocabulary:
        if named not in self._vocabularies:
            settings = self._settings if named is None else read_settings(named)
            self._vocabularies[named] = Vocabulary.of(settings, catalogue_of(settings))
        return self._vocabularies[named]

    def _set(
        self, head: Head, folder: Path, named: Path | None, vocabulary: Vocabulary
    ) -> tuple[Playbook, ...]:
        found: dict[str, tuple[Playbook, Path]] = {}
        for written in head.playbooks:
            path = folder / written
            if not path.exists():
                self._refuse(head, f"there is no file or folder {path}")
            for file in playbook_files([path]):
                key = (named, file.resolve())
                if key not in self._playbooks:
                    self._playbooks[key] = playbook_from_file(
                        file, vocabulary.settings, vocabulary.catalogue
                    )
                playbook = self._playbooks[key]
                if playbook.name in found and found[playbook.name][1] != key[1]:
                    self._refuse(head, f"{playbook.name} is in two files")
                found[playbook.name] = (playbook, key[1])
        if not found:
            self._refuse(head, f"no {' or '.join(SUFFIXES)} files are there")
        return tuple(found[name][0] for name in sorted(found))

    def _refuse(self, head: Head, what: str) -> None:
        field = f"{head.path}.playbooks".lstrip(".")
        advice = "accepted: files or folders of playbooks, from the folder of the test"
        raise Problem("P012", what, advice, place=head.playbooks_place, field=field)


def _refuse_unread(heads: tuple[Head, ...], read: list[tuple[Read, Service]]) -> None:
    """A series nobody looks at is a slip of the pen. One that tests share must serve one test."""
    serves: set[str] = set()
    idle: dict[str, tuple[Place, str]] = {}
    for head, (test, service) in zip(heads, read, strict=True):
        placed = test.series
        lost = unread(tuple(e.series for e in placed), service.playbooks, service.settings)
        serves |= {each.key for place, each in enumerate(placed) if place not in lost}
        for place in lost:
            each = placed[place]
            field = f"{head.path}.series.{each.key}".lstrip(".")
            if each.key not in head.shared_series:
                raise _nobody_reads(each.place, field)
            idle[each.key] = (each.place, f"series.{each.key}")
    for key, (place_of_key, field) in idle.items():
        if key not in serves:
            raise _nobody_reads(place_of_key, field)


def _nobody_reads(place: Place, field: str) -> Problem:
    what = "no playbook of the test looks at it, and no guard"
    advice = "accepted: signals, labels and windows that their conditions name"
    return Problem("P021", what, advice, place=place, field=field)


def _text(path: Path) -> str:
    try:
        if not path.is_file():
            raise BadInput("no such file; accepted: a file of YAML", file=str(path))
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        return raw.decode()
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise BadInput("not UTF-8; accepted: UTF-8 text", file=str(path), line=line) from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise BadInput(f"cannot be read: {reason}", file=str(path)) from None
