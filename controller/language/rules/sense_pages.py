"""Pages of P03x and P04x: a playbook that reads well and cannot work."""

from __future__ import annotations

from collections.abc import Mapping

from controller.language.rules.page import AS_IT_IS, Page, both, change

_ROUTE = "route: {from: primary, to: fallback, share: 100%}"
_SMALL = "limits: {most_moved_share: 0.5}\n"
_DRIFT = "drift.shifted_features{arm=primary} >= 1 for 2m"


def _expecting(within: str, then: str = "keep", action: str = _ROUTE) -> str:
    return f"\n  - {action}\n    expect: degraded_share < 5% within {within}\n    else: {then}"


SENSE_PAGES: Mapping[str, Page] = {
    "P030": Page(
        "A second incident could start while the first is still being verified, and each would"
        " see the other's effect.",
        bad=change(do=_expecting("60s"), guards="{cooldown: 30s}"),
        good=change(do=_expecting("60s"), guards="{cooldown: 60s}"),
    ),
    "P031": Page(
        "A rule that can never fire is a false promise. A user waits no longer than the request"
        " deadline, a share is at most 100%, three beginnings take five ticks.",
        bad=change(when="latency_ms.p95 > 250ms"),
        good=change(when="latency_ms.p95 > 150ms"),
    ),
    "P032": Page(
        "A fully drained arm is seen through probes alone (`probe_per_s`). Where they do not fill"
        " the sample, its readings stay `insufficient`, and traffic never comes back.",
        bad=change(clear_when="arm_latency_ms.p95{arm=primary}[2s] < 90ms for 60s"),
        good=change(clear_when="arm_latency_ms.p95{arm=primary}[30s] < 90ms for 60s"),
    ),
    "P033": Page(
        "Acting on missing data is for what protects: freeze, notify, shed, route to the fallback."
        " Nothing is over because nobody can see it.",
        bad=change(no_data="act", do="\n  - retrain: {arm: primary, data: last 24h}"),
        good=change(no_data="act", do="\n  - notify: {channel: oncall}"),
    ),
    "P034": Page(
        "Inputs drift because the world does, and the primary may cope best of all. Drift retrains,"
        " evaluates and notifies; traffic moves for harm, so beside it stands a comparison on the"
        " bad side of a signal of harm (playbooks/README.md lists them). That users come and"
        " telemetry arrives is true whenever all is well, and says nothing. How bad is harm, the"
        " threshold says: `selfright calibrate` counts how often it would be met for nothing.",
        bad=change(when=f"\n  all:\n    - {_DRIFT}\n    - request_rate_per_s > 1/s"),
        good=change(when=f"\n  all:\n    - {_DRIFT}\n    - arm_bad{{arm=primary}} > 20%"),
    ),
    "P035": Page(
        "Arms are those of `selfright.yaml`.",
        bad=change(do="\n  - route: {from: primry, to: fallback, share: 100%}"),
        good=AS_IT_IS,
    ),
    "P036": Page(
        "A route to itself moves nothing, two routes of one arm fight, and a circle has no end.",
        bad=change(do="\n  - route: {from: primary, to: primary, share: 100%}"),
        good=AS_IT_IS,
    ),
    "P037": Page(
        "A page that was sent and a model that was trained stay so; `undo` would promise more.",
        bad=change(do=_expecting("30s", "undo", "notify: {channel: oncall}")),
        good=change(do=_expecting("30s", "next", "notify: {channel: oncall}")),
    ),
    "P038": Page(
        "Only a window that starts after the plan was adopted counts, so `within` is one window"
        " and one tick at least.",
        bad=change(do=_expecting("5s")),
        good=change(do=_expecting("6s")),
    ),
    "P039": Page(
        "Every rung spends one of the budget, so a smaller budget never reaches the last rung. One"
        " that the cooldown, or a limit of the service, keeps from ever being spent is no limit.",
        bad=change(guards="{cooldown: 30m, budget: 3 per 1h}"),
        good=change(guards="{cooldown: 30m, budget: 2 per 1h}"),
    ),
    "P040": Page(
        "`for 500ms` needs two ticks, as `for 1s` does; say which is meant.",
        bad=change(when="arm_bad{arm=primary} > 20% for 500ms"),
        good=change(when="arm_bad{arm=primary} > 20% for 1s"),
    ),
    "P041": Page(
        "A condition that always holds decides nothing, and hides that another decides alone.",
        bad=change(when='{all: ["arm_bad{arm=primary} > 20%", "degraded_share >= 0%"]}'),
        good=change(when='{all: ["arm_bad{arm=primary} > 20%", "degraded_share > 0%"]}'),
    ),
    "P042": Page(
        "Where both hold, traffic comes back and goes away again. Leave a gap between them.",
        bad=change(clear_when="arm_latency_ms.p95{arm=primary}[30s] < 200ms for 60s"),
        good=change(clear_when="arm_latency_ms.p95{arm=primary}[30s] < 90ms for 60s"),
    ),
    "P043": Page(
        "Of two values of equal priority the older claim would win, that is, chance. Say which"
        " playbook goes first, or that only one of them acts at a time.",
        bad=both(
            {"do": "\n  - shed: {share: 20%}"},
            {"playbook": "slower", "do": "\n  - shed: {share: 40%}"},
        ),
        good=both(
            {"do": "\n  - shed: {share: 20%}"},
            {
                "playbook": "slower",
                "do": "\n  - shed: {share: 40%}",
                "guards": "{priority: 60}",
            },
        ),
    ),
    "P044": Page(
        "The judge refuses a move beyond the limits of the service (`limits`, `capacity_per_s`),"
        " every time; such a playbook pages and never heals. Judged with the shares of"
        " `selfright.yaml`, so a warning.",
        bad=change(settings=_SMALL),
        good=change(settings=_SMALL, do="\n  - route: {from: primary, to: fallback, share: 50%}"),
    ),
    "P045": Page(
        "Freezing a playbook that is not there freezes nothing.",
        bad=both(
            {"do": "\n  - freeze: {what: retraining}"},
            {"playbook": "retrain", "do": "\n  - retrain: {arm: primary, data: last 24h}"},
        ),
        good=both(
            {"do": "\n  - freeze: {what: retrain}"},
            {"playbook": "retrain", "do": "\n  - retrain: {arm: primary, data: last 24h}"},
        ),
    ),
    "P046": Page(
        "An arm that answers in the router, or is a server of its own, has no replicas that the"
        " plan could add to: nothing would happen, and the incident would go on.",
        bad=change(do="\n  - scale: {arm: fallback, replicas: 4}"),
        good=change(do="\n  - scale: {arm: primary, replicas: 4}"),
    ),
}
