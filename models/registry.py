"""The registry: versions by arm, registered once per work id, loaded only after their checksums.

A folder, so it can be shared by any file system. Files: ``VERSION/`` per version, and
``.by_work/HASH`` naming the one version that a work id produced.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from models.artifact import MANIFEST, Manifest, Trained, publish, read_arrays, read_manifest
from models.errors import BadArtifact, UnknownVersion
from models.factorization import Factorization
from models.popularity import Popularity
from models.recommender import Kind, Recommender

KINDS: Mapping[str, Kind] = {
    Popularity.kind: Popularity.from_arrays,
    Factorization.kind: Factorization.from_arrays,
}


class Registry:
    """Model versions under ``root``. Safe for several processes at once."""

    def __init__(self, root: Path, kinds: Mapping[str, Kind] = KINDS) -> None:
        self._root = root
        self._kinds = kinds

    def register(
        self, trained: Trained, *, arm: str, now_s: float, parent: str = "", work_id: str = ""
    ) -> str:
        """Keep a version and return its name; the same work id returns the existing one.

        With a work id it is a candidate: `latest` passes it over until someone names it.
        """
        existing = self.by_work(work_id)
        if existing is not None:
            return existing
        manifest = publish(
            self._root, trained, arm=arm, parent=parent, work_id=work_id, now_s=now_s
        )
        return self._claim(work_id, manifest.version) if work_id else manifest.version

    def by_work(self, work_id: str) -> str | None:
        """The version this work id produced, if any."""
        try:
            return self._work_path(work_id).read_text() if work_id else None
        except FileNotFoundError:
            return None

    def versions(self) -> tuple[Manifest, ...]:
        """Every readable version, oldest first.

        A version whose work id names another one is the loser of a race: left out. A damaged
        one is left out too; `load` says what is wrong with it.
        """
        manifests = []
        for path in self._root.glob(f"*/{MANIFEST}"):
            try:
                manifest = read_manifest(self._root, path.parent.name)
            except (BadArtifact, UnknownVersion):
                continue
            if not manifest.work_id or self.by_work(manifest.work_id) == manifest.version:
                manifests.append(manifest)
        return tuple(sorted(manifests, key=lambda m: (m.created_at_s, m.version)))

    def latest(self, arm: str, *, candidates: bool = False) -> str | None:
        """The newest version registered for this arm; None when there is none.

        Candidates (made by wanted work) are left out unless asked for: a retrain alone must
        never be served, also not by a replica that starts later.
        """
        names = [
            m.version for m in self.versions() if m.arm == arm and (candidates or not m.work_id)
        ]
        return names[-1] if names else None

    def manifest(self, version: str) -> Manifest:
        """The checked manifest. Raise UnknownVersion or BadArtifact."""
        if Path(version).name != version or version.startswith("."):
            raise UnknownVersion(f"{self._root}: {version!r} is not the name of a version")
        return read_manifest(self._root, version)

    def load(self, version: str) -> Recommender:
        """A recommender ready to answer. Raise UnknownVersion, or BadArtifact if it was changed."""
        manifest = self.manifest(version)
        kind = self._kinds.get(manifest.kind)
        if kind is None:
            raise BadArtifact(
                f"{version}: kind {manifest.kind!r} is not one of {sorted(self._kinds)}"
            )
        return kind(version, read_arrays(self._root, manifest), manifest.parameters)

    def uri(self, version: str) -> str:
        """Where the version lies, for telemetry."""
        return (self._root / version).resolve().as_uri()

    def _work_path(self, work_id: str) -> Path:
        return self._root / ".by_work" / hashlib.sha256(work_id.encode()).hexdigest()

    def _claim(self, work_id: str, version: str) -> str:
        """Of all that finish the same work, the first to link its name wins."""
        path = self._work_path(work_id)
        path.parent.mkdir(exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(version)
                file.flush()
                os.fsync(file.fileno())
            path.hardlink_to(name)
        except FileExistsError:
            return path.read_text()
        finally:
            Path(name).unlink()
        return version
