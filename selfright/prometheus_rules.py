"""Recording and alerting rules for Prometheus, on the gauges the controller exports.

Four alerts in two windows each (Google, The Site Reliability Workbook, chapter 5): 2 % of the
budget in 1 h, 5 % in 6 h page; 10 % in 1 d and in 3 d are tickets. Each also wants `LEAST_BAD` bad
events in both windows. One that would fire at a burn below 1 is left out (short windows).

Two more watch the watcher: a controller that is gone or hangs, and a service that nobody leads.
"""

from __future__ import annotations

import io
from typing import Any, NamedTuple

from ruamel.yaml import YAML

from controller.adapters.prometheus import metric_name
from controller.settings import Objective, Settings
from controller.statistics.burn_rate import LEAST_BAD

HEARTBEAT = "selfright_controller_heartbeat_at_s"
SILENT_AFTER_S = 20
"""Longer than any election or backlog holds a tick up."""
EVENTS, BAD = metric_name("slo.events_per_s"), metric_name("slo.bad_per_s")
RATIO, BAD_EVENTS = "slo:selfright_error_ratio:rate", "slo:selfright_bad_events:increase"
WINDOWS_S = {
    "5m": 300,
    "30m": 1_800,
    "1h": 3_600,
    "2h": 7_200,
    "6h": 21_600,
    "1d": 86_400,
    "3d": 259_200,
}


class BurnAlert(NamedTuple):
    name: str
    severity: str
    budget: float
    long: str
    short: str


ALERTS = (
    BurnAlert("SelfrightBudgetBurnsIn1h", "page", 0.02, "1h", "5m"),
    BurnAlert("SelfrightBudgetBurnsIn6h", "page", 0.05, "6h", "30m"),
    BurnAlert("SelfrightBudgetBurnsIn1d", "ticket", 0.10, "1d", "2h"),
    BurnAlert("SelfrightBudgetBurnsIn3d", "ticket", 0.10, "3d", "6h"),
)


def rules(settings: Settings) -> str:
    """A rule file: one group of the controller itself, then one per objective."""
    groups = [{"name": "selfright-controller", "rules": _of_the_controller(settings)}]
    groups += [
        {"name": f"selfright-slo-{name}", "interval": "30s", "rules": _rules(name, o, settings)}
        for name, o in settings.objectives.items()
    ]
    text = io.StringIO()
    yaml = YAML()
    yaml.width = 4_096
    yaml.dump({"groups": groups}, text)
    return text.getvalue()


def _rules(name: str, objective: Objective, settings: Settings) -> list[dict[str, Any]]:
    labels = {"service": settings.service}
    found: list[dict[str, Any]] = []
    for window, seconds in WINDOWS_S.items():
        bad, events = (
            f'max by (slo) (avg_over_time({metric}{{slo="{name}"}}[{window}]))'
            for metric in (BAD, EVENTS)
        )
        ratio = f"{bad} / ({events} > 0)"
        found.append({"record": f"{RATIO}{window}", "expr": ratio, "labels": dict(labels)})
        count = f"{bad} * {seconds}"
        found.append({"record": f"{BAD_EVENTS}{window}", "expr": count, "labels": dict(labels)})
    return found + [
        _alert(name, objective, alert, labels)
        for alert in ALERTS
        if factor_of(alert, objective) >= 1.0
    ]


def _of_the_controller(settings: Settings) -> list[dict[str, Any]]:
    """Its age is taken at the scrape, so that rare scrapes do not make it look silent."""
    labels = {"service": settings.service, "severity": "page"}
    hangs = f"timestamp({HEARTBEAT}) - {HEARTBEAT} > {SILENT_AFTER_S}"
    return [
        {
            "alert": "SelfrightControllerSilent",
            "expr": f"{hangs} or absent({HEARTBEAT})",
            "for": "1m",
            "labels": dict(labels),
            "annotations": {
                "summary": "A controller judges nothing: it is gone, cannot be scraped, or hangs",
                "description": "The last plan stays in force; `selfright override … --local FILE` "
                "needs no controller. `selfright status` says since when.",
            },
        },
        {
            "alert": "SelfrightNobodyLeads",
            "expr": "max(selfright_leader) == 0",
            "for": "1m",
            "labels": dict(labels),
            "annotations": {
                "summary": "Controllers run and none of them leads: nothing will be healed",
                "description": "`selfright status` says what each one waits for.",
            },
        },
    ]


def factor_of(alert: BurnAlert, objective: Objective) -> float:
    """The burn rate that uses so much of the budget within the long window."""
    return round(alert.budget * objective.window_s / WINDOWS_S[alert.long], 9)


def _alert(
    name: str, objective: Objective, alert: BurnAlert, labels: dict[str, str]
) -> dict[str, Any]:
    factor = factor_of(alert, objective)
    limit = f"{factor * (1.0 - objective.target):.9g}"
    # Half an event less: averages of scrapes are never exact.
    least = LEAST_BAD - 0.5
    matching = f'{{slo="{name}",service="{labels["service"]}"}}'
    parts = [
        part
        for window in (alert.long, alert.short)
        for part in (
            f"{RATIO}{window}{matching} > {limit}",
            f"{BAD_EVENTS}{window}{matching} >= {least}",
        )
    ]
    summary = f"Objective {name} burns {factor:g} times too fast ({alert.long} and {alert.short})"
    return {
        "alert": alert.name,
        "expr": " and ".join(parts),
        "labels": {**labels, "severity": alert.severity, "long_window": alert.long},
        "annotations": {
            "summary": summary,
            "description": f"At this rate {alert.budget:.0%} of the budget go in {alert.long}.",
        },
    }
