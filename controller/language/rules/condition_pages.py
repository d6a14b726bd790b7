"""Pages of P02x: conditions, and the words in them."""

from __future__ import annotations

from collections.abc import Mapping

from controller.language.rules.page import Page, change

_STALE = "feature_age_s.p95{feature_group=%s}"

CONDITION_PAGES: Mapping[str, Page] = {
    "P020": Page(
        "SIGNAL{label=value}[WINDOW] OPERATOR THRESHOLD, then `for` or `times`; the caret stands"
        " where reading stopped.",
        bad=change(when="arm_bad{arm=primary} >> 20%"),
        good=change(when="arm_bad{arm=primary} > 20%"),
    ),
    "P021": Page(
        "A condition on a signal that no monitor gives is unknown for ever. `selfright signals`"
        " lists them.",
        bad=change(when="latency_ms.p96 > 150ms"),
        good=change(when="latency_ms.p95 > 150ms"),
    ),
    "P022": Page(
        "A series has exactly the labels of its signal: without one, nobody knows which arm is"
        " meant.",
        bad=change(when="arm_bad > 20%"),
        good=change(when="arm_bad{arm=primary} > 20%"),
    ),
    "P023": Page(
        "A name that `selfright.yaml` does not have gives no reading, so nothing would ever fire.",
        bad=change(when=f"{_STALE % 'items'} > 5m"),
        good=change(when=f"{_STALE % 'item_hour'} > 5m"),
    ),
    "P024": Page(
        "150 of a latency could be ms or s; a share is written in percent.",
        bad=change(when="arm_latency_ms.p95{arm=primary} > 150"),
        good=change(when="arm_latency_ms.p95{arm=primary} > 150ms"),
    ),
    "P025": Page(
        "A variable stands for the values of `for_each`; unbound it names no series, and unused it"
        " makes all incidents the same.",
        bad=change(when=f"{_STALE % '$feature_group'} > 5m"),
        good=change(for_each="feature_group", when=f"{_STALE % '$feature_group'} > 5m"),
    ),
    "P026": Page(
        "Monitors count by whole ticks, keep an hour, and a gauge has no window at all.",
        bad=change(when="queue_depth{arm=primary}[5s] > 30"),
        good=change(when="queue_depth{arm=primary} > 30"),
    ),
    "P027": Page(
        "Two spans in one condition contradict each other. An expectation passes at the first"
        " reading that meets it, and what became true three times is not therefore over.",
        bad=change(when="{if: latency_ms.p95 > 150ms for 3s, for: 5s}"),
        good=change(when="{if: latency_ms.p95 > 150ms, for: 5s}"),
    ),
}
