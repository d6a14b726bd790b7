"""A model version on disk: a folder of ``.npy`` arrays and a ``manifest.json``, never pickle.

The folder's name is ``ARM-YYYYMMDDTHHMMSS-xxxxxxxx``; its end is the start of the content's
sha256, so neither an array nor the manifest can change without being noticed.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from models.errors import BadArtifact, UnknownVersion
from models.recommender import Array

MANIFEST = "manifest.json"
MANIFEST_SCHEMA = 1


@dataclass(frozen=True, slots=True)
class ReferenceBins:
    """How one model input was distributed in training.

    ``counts[i]`` covers (edges[i-1], edges[i]], so there is one count more than edges.
    ``covariance``, row by row: the long-run covariance per row of the indicators of those bins and
    null, in the training rows' own order; empty where there were too few. ``categories``: all
    values, ascending, of an input that has few; empty for a number. ``mean_contribution``: by how
    much the input moved the score of the first item, up or down, on average; None where no model
    said.
    """

    feature: str
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    null_count: int = 0
    covariance: tuple[float, ...] = ()
    categories: tuple[float, ...] = ()
    mean_contribution: float | None = None


@dataclass(frozen=True, slots=True)
class Trained:
    """What training returns and a registry keeps.

    ``parameters``: the model's scalars. ``gate_metrics``: measured on the last tenth by time.
    ``data``: what it learned from: rows, clicks, users, items, first_at_s, last_at_s.
    """

    kind: str
    arrays: Mapping[str, Array]
    parameters: Mapping[str, float] = field(default_factory=dict)
    gate_metrics: Mapping[str, float] = field(default_factory=dict)
    reference: tuple[ReferenceBins, ...] = ()
    data: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything about a version but its arrays. ``sha256`` covers all the rest, arrays too."""

    version: str
    sha256: str
    kind: str
    arm: str
    parent: str
    work_id: str
    created_at_s: float
    files: Mapping[str, str]
    parameters: Mapping[str, float]
    gate_metrics: Mapping[str, float]
    reference: tuple[ReferenceBins, ...]
    data: Mapping[str, float]


def publish(
    root: Path, trained: Trained, *, arm: str, parent: str, work_id: str, now_s: float
) -> Manifest:
    """Write a version under ``root`` so that it appears whole or not at all."""
    blobs = {f"{name}.npy": _npy(array) for name, array in sorted(trained.arrays.items())}
    body = {
        "schema": MANIFEST_SCHEMA,
        "kind": trained.kind,
        "arm": arm,
        "parent": parent,
        "work_id": work_id,
        "created_at_s": now_s,
        "files": {name: hashlib.sha256(blob).hexdigest() for name, blob in blobs.items()},
        "parameters": dict(trained.parameters),
        "gate_metrics": dict(trained.gate_metrics),
        "reference": [asdict(bins) for bins in trained.reference],
        "data": dict(trained.data),
    }
    sha256 = _content_sha256(body)
    stamp = datetime.fromtimestamp(now_s, UTC).strftime("%Y%m%dT%H%M%S")
    version = f"{arm}-{stamp}-{sha256[:8]}"
    document = body | {"version": version, "sha256": sha256}
    _write_folder(root, version, blobs | {MANIFEST: json.dumps(document, indent=1).encode()})
    return _manifest(document)


def read_manifest(root: Path, version: str) -> Manifest:
    """The checked manifest. Raise UnknownVersion, or BadArtifact where it was changed."""
    path = root / version / MANIFEST
    try:
        document = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        raise UnknownVersion(f"{root}: no version {version!r}") from None
    except ValueError as error:
        raise BadArtifact(f"{path}: not JSON: {error}") from error
    if not isinstance(document, dict) or document.get("schema") != MANIFEST_SCHEMA:
        raise BadArtifact(f"{path}: not a manifest of schema {MANIFEST_SCHEMA}")
    body = {name: value for name, value in document.items() if name not in ("version", "sha256")}
    sha256 = _content_sha256(body)
    if document.get("sha256") != sha256 or version != document.get("version"):
        raise BadArtifact(f"{path}: the manifest was changed (sha256 is {sha256})")
    if not version.endswith(sha256[:8]):
        raise BadArtifact(f"{path}: the content is not that of {version}")
    return _manifest(document)


def read_arrays(root: Path, manifest: Manifest) -> dict[str, Array]:
    """The checked arrays by name. Raise BadArtifact on a missing or changed file."""
    arrays: dict[str, Array] = {}
    for name, expected in manifest.files.items():
        path = root / manifest.version / name
        try:
            blob = path.read_bytes()
        except FileNotFoundError:
            raise BadArtifact(f"{path}: missing") from None
        found = hashlib.sha256(blob).hexdigest()
        if found != expected:
            raise BadArtifact(f"{path}: sha256 is {found}, the manifest says {expected}")
        arrays[name.removesuffix(".npy")] = np.load(io.BytesIO(blob), allow_pickle=False)
    return arrays


def _manifest(document: Mapping[str, Any]) -> Manifest:
    reference = tuple(_reference_bins(bins) for bins in document["reference"])
    names = {f.name for f in fields(Manifest)} - {"reference"}
    return Manifest(reference=reference, **{name: document[name] for name in names})


def _reference_bins(document: Mapping[str, Any]) -> ReferenceBins:
    """Versions of before know neither covariance, categories nor contributions."""
    return ReferenceBins(
        document["feature"],
        tuple(document["edges"]),
        tuple(document["counts"]),
        document["null_count"],
        tuple(document.get("covariance", ())),
        tuple(document.get("categories", ())),
        document.get("mean_contribution"),
    )


def _npy(array: Array) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()


def _content_sha256(body: Mapping[str, Any]) -> str:
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _write_folder(root: Path, version: str, blobs: Mapping[str, bytes]) -> None:
    root.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=".staging-", dir=root))
    try:
        for name, blob in blobs.items():
            with (staging / name).open("wb") as file:
                file.write(blob)
                file.flush()
                os.fsync(file.fileno())
        staging.chmod(0o755)
        if not (root / version).exists():  # the same name is the same content
            staging.rename(root / version)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
