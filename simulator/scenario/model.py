"""A scenario as the run takes it: the model has never heard of YAML."""

from __future__ import annotations

from dataclasses import dataclass

from controller.settings import Settings
from simulator.faults.fault import Fault
from simulator.spec import WorldSpec


@dataclass(frozen=True, slots=True)
class Command:
    """A person's command at a time: verb and target as `selfright` sends them."""

    at_s: float
    verb: str
    target: str
    who: str = "on-call"


@dataclass(frozen=True, slots=True)
class Deploy:
    """A change event at a time: kind is deploy, configuration or price."""

    at_s: float
    kind: str
    what: str
    who: str = "ci"


@dataclass(frozen=True, slots=True)
class Acts:
    """``playbook`` publishes ``action`` within ``within_s`` of fault ``fault`` (its place) going
    on, and not before. ``shadow``: it writes down that it would, and does nothing."""

    playbook: str
    action: str
    fault: int
    within_s: float
    shadow: bool = False


@dataclass(frozen=True, slots=True)
class Explains:
    """The first incident is explained, and the first cause is ``by``, or a product of it with
    others."""

    by: str


@dataclass(frozen=True, slots=True)
class Recovers:
    """Every incident is over, and the plan is the baseline again, ``within_s`` after the last
    fault is off."""

    within_s: float


@dataclass(frozen=True, slots=True)
class Quiet:
    """No playbook but ``except_for`` acts at all, or would have in shadow."""

    except_for: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Serves:
    """At least this share of users' requests gets a valid slate."""

    least_share: float


Expectation = Acts | Explains | Recovers | Quiet | Serves


@dataclass(frozen=True, slots=True)
class Scenario:
    """``settings.playbooks`` is the folder judged with. ``document`` is plain data that, written
    as YAML, is this scenario again."""

    name: str
    why: str
    duration_s: float
    settings: Settings
    world: WorldSpec
    faults: tuple[Fault, ...]
    commands: tuple[Command, ...]
    deploys: tuple[Deploy, ...]
    expectations: tuple[Expectation, ...]
    document: dict[str, object]
