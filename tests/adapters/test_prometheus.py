"""What a scrape of the controller shows."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from controller.adapters.prometheus import ControllerMetrics
from controller.core.readings import Reading, ReadingState, SignalKey
from controller.errors import BadInput


@pytest.fixture
def metrics() -> Iterator[ControllerMetrics]:
    metrics = ControllerMetrics()
    yield metrics
    metrics.close()


def _scrape(metrics: ControllerMetrics) -> dict[tuple[str, frozenset], float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{metrics.port}/metrics") as answer:
        text = answer.read().decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def _p95(arm: str, window_s: float = 5.0) -> SignalKey:
    return SignalKey("arm_latency_ms.p95", (("arm", arm),), window_s)


def _series(arm: str) -> tuple[str, frozenset]:
    return "selfright_arm_latency_ms_p95", frozenset({("arm", arm), ("window", "5s")})


def test_readings_are_shown_by_signal_name_and_vanish_with_their_series(metrics):
    ok = Reading(42.5, ReadingState.OK, 100, 0.0, 5.0)
    metrics.show_readings({_p95("primary"): ok, _p95("fallback"): ok})
    assert _scrape(metrics)[_series("primary")] == 42.5
    metrics.show_readings({_p95("fallback"): ok})
    scraped = _scrape(metrics)
    assert _series("primary") not in scraped
    assert scraped[_series("fallback")] == 42.5


def test_what_is_not_ok_is_counted_and_not_shown_as_a_number(metrics):
    stale = Reading(1.0, ReadingState.STALE, 100, 0.0, 5.0)
    idle = Reading(None, ReadingState.IDLE, 0, 0.0, 5.0)
    metrics.show_readings({_p95("primary"): stale, _p95("fallback"): idle})
    scraped = _scrape(metrics)
    assert not any(name.startswith("selfright_arm_latency") for name, _ in scraped)
    states = {
        dict(labels)["state"]: value
        for (name, labels), value in scraped.items()
        if name == "selfright_readings"
    }
    assert states == {"ok": 0, "insufficient": 0, "stale": 1, "idle": 1, "down": 0}


def test_the_controller_shows_itself(metrics):
    metrics.count_commit("published")
    metrics.count_commit("published")
    metrics.count_commit("behind")
    metrics.show_leader(True, 17)
    metrics.tick_s.observe(0.01)
    metrics.broken_messages.labels("selfright.served").inc()
    scraped = _scrape(metrics)
    assert scraped[("selfright_commits_total", frozenset({("fate", "published")}))] == 2
    assert scraped[("selfright_commits_total", frozenset({("fate", "behind")}))] == 1
    assert scraped[("selfright_leader", frozenset())] == 1
    assert scraped[("selfright_epoch", frozenset())] == 17
    assert scraped[("selfright_tick_seconds_count", frozenset())] == 1
    topic = frozenset({("topic", "selfright.served")})
    assert scraped[("selfright_broken_messages_total", topic)] == 1


def test_a_port_that_is_taken_gets_one_clear_line(metrics):
    with pytest.raises(BadInput, match=f"port {metrics.port} of the metrics is taken"):
        ControllerMetrics(metrics.port)


def test_it_listens_on_loopback_only(metrics):
    assert metrics.address == ("127.0.0.1", metrics.port)
