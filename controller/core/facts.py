"""Everything the judge ever learns. A closed union; each fact has `seq` and `at_s`.

The shell writes a fact to the journal first and steps it as decoded from there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from controller.core.causes import Cause, Verdict
from controller.core.playbook import Playbook
from controller.core.readings import Readings


@dataclass(frozen=True, slots=True)
class Tick:
    """One second has passed; these are the readings at its end."""

    seq: int
    at_s: float
    readings: Readings


@dataclass(frozen=True, slots=True)
class Elected:
    """This controller leads. ``state`` is the stored judge state as a document (None: first run).

    ``head`` is the hash of the last stored record. Counts as `Published` for all that is in it.
    """

    seq: int
    at_s: float
    epoch: int
    holder: str
    state: Mapping[str, Any] | None
    head: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """Playbooks and the parts of the settings the judge needs, as of now.

    ``settings`` is the document of `controller.core.settings.JudgeSettings`. ``code`` is the
    version of the program, so that a replay can name the code it compares with. ``bundle`` is the
    sha256 over the playbooks' names and hashes; empty in journals of releases that did not say it.
    """

    seq: int
    at_s: float
    playbooks: tuple[Playbook, ...]
    settings: Mapping[str, Any]
    code: str
    bundle: str = ""


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of the last commit. It is the next fact stepped and causes no commit itself.

    ``published``: stored and public. ``refused``: another leads. ``behind``: the store's head is
    not ours. ``unreachable``: nobody knows. ``not_published``: dry run, shadow or replay.
    """

    seq: int
    at_s: float
    fate: Literal["published", "refused", "behind", "unreachable", "not_published"]
    head: str


@dataclass(frozen=True, slots=True)
class WorkDone:
    """A worker's last word on a work item: ``done``, ``failed`` or ``refused``."""

    seq: int
    at_s: float
    work_id: str
    kind: str
    status: Literal["done", "failed", "refused"]
    detail: str
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Operator:
    """A person's command, repeated until a record names its id.

    Verbs: ``approve`` and ``reject`` (target: approval id), ``freeze`` and ``thaw`` (target: what),
    ``override`` (target: ``arm=share`` pairs, e.g. ``primary=0,fallback=1``), ``release``
    (target: override id), ``promote`` (target: ``version:arm``), ``acknowledge`` (incident id).
    What ``freeze`` and ``override`` do ends by itself when the target ends in ``for 3600s``.
    """

    seq: int
    at_s: float
    command_id: str
    who: str
    verb: str
    target: str
    expires_at_s: float


@dataclass(frozen=True, slots=True)
class Change:
    """Something people or pipelines changed: a deploy, a configuration, a price."""

    seq: int
    at_s: float
    kind: str
    what: str
    who: str


@dataclass(frozen=True, slots=True)
class Explained:
    """What the monitors found to have changed when an incident opened, the likeliest cause first.

    About an incident that nobody knows (any more) it changes nothing.
    """

    seq: int
    at_s: float
    incident: str
    verdict: Verdict
    causes: tuple[Cause, ...]


@dataclass(frozen=True, slots=True)
class Allowance:
    """The store's word on what was `Asked` of the cap on all services together.

    ``used`` of ``count`` in ``per_s``, this grant included. ``free_at_s``: when there is room for
    it again, by this controller's clock; of a grant, when the oldest falls out of the span.
    """

    seq: int
    at_s: float
    key: str
    granted: bool
    used: int
    count: int
    per_s: float
    free_at_s: float


Fact = Tick | Elected | Loaded | Fate | WorkDone | Operator | Change | Explained | Allowance
