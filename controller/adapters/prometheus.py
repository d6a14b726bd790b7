"""What Prometheus sees of the controller: its readings by signal name, and itself."""

from __future__ import annotations

from collections import Counter as Counts
from collections.abc import Iterator, Mapping
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from controller.core.readings import Readings, ReadingState
from controller.errors import BadInput
from controller.ports import CommitFate

TICK_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)


class ControllerMetrics:
    """Serves on loopback while open; ``port`` is the one in use. Raise BadInput when it is taken.

    The counters are plain prometheus-client metrics: increment them where the thing happens.
    """

    def __init__(self, port: int = 0, host: str = "127.0.0.1") -> None:
        registry = CollectorRegistry()
        self._readings = _ReadingsCollector()
        registry.register(self._readings)
        self._numbers = _NumbersCollector()
        registry.register(self._numbers)
        self.tick_s = Histogram(
            "selfright_tick_seconds",
            "Time to work one tick off",
            buckets=TICK_BUCKETS_S,
            registry=registry,
        )
        self.ticks_missed = Counter(
            "selfright_ticks_missed", "Ticks that came too late to be worked", registry=registry
        )
        self._commits = Counter(
            "selfright_commits", "Commits by their fate", ["fate"], registry=registry
        )
        self._leader = Gauge("selfright_leader", "1 while this one leads", registry=registry)
        self._epoch = Gauge("selfright_epoch", "Epoch this one led last", registry=registry)
        self.operator_door = Gauge(
            "selfright_operator_door_up", "1 while people may command by HTTP", registry=registry
        )
        self.broken_messages = Counter(
            "selfright_broken_messages", "Unreadable messages", ["topic"], registry=registry
        )
        self._server = _serve(port, host, registry)
        self.address = (str(self._server.server_address[0]), int(self._server.server_port))
        self.port = self.address[1]

    def show_readings(self, readings: Readings) -> None:
        """Replace all readings shown; a series that is gone disappears."""
        self._readings.readings = readings

    def show_numbers(self, numbers: Mapping[str, float]) -> None:
        """Replace the loop's own totals, shown as ``selfright_controller_NAME``."""
        self._numbers.numbers = numbers

    def count_commit(self, fate: CommitFate) -> None:
        self._commits.labels(fate).inc()

    def show_leader(self, leads: bool, epoch: int) -> None:
        self._leader.set(leads)
        self._epoch.set(epoch)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _ReadingsCollector(Collector):
    """Made anew at each scrape, so that no series outlives its reading."""

    def __init__(self) -> None:
        self.readings: Readings = {}

    def collect(self) -> Iterator[Metric]:
        families: dict[str, GaugeMetricFamily] = {}
        states: Counts[ReadingState] = Counts()
        for key, reading in sorted(self.readings.items()):
            states[reading.state] += 1
            if reading.value is None or reading.state is not ReadingState.OK:
                continue
            names = [name for name, _ in key.labels]
            name = metric_name(key.name)
            # Series of one signal share their label names, so the first one fixes them.
            family = families.setdefault(
                name, GaugeMetricFamily(name, key.name, labels=[*names, "window"])
            )
            values = [value for _, value in key.labels]
            family.add_metric([*values, f"{key.window_s:g}s"], reading.value)
        yield from families.values()
        by_state = GaugeMetricFamily(
            "selfright_readings", "Readings by their state", labels=["state"]
        )
        for state in ReadingState:
            by_state.add_metric([state.value], states[state])
        yield by_state


class _NumbersCollector(Collector):
    """Totals that live elsewhere, read when they are asked for."""

    def __init__(self) -> None:
        self.numbers: Mapping[str, float] = {}

    def collect(self) -> Iterator[Metric]:
        for name, value in sorted(self.numbers.items()):
            family = GaugeMetricFamily(f"selfright_controller_{name}", name.replace("_", " "))
            family.add_metric([], value)
            yield family


def metric_name(signal: str) -> str:
    """``arm_latency_ms.p95`` is ``selfright_arm_latency_ms_p95``."""
    return "selfright_" + signal.replace(".", "_")


def _serve(port: int, host: str, registry: CollectorRegistry) -> WSGIServer:
    try:
        server, _ = start_http_server(port, addr=host, registry=registry)
    except OSError as error:
        raise BadInput(
            f"port {port} of the metrics is taken ({error.strerror}); accepted: a free port, or 0",
            field="endpoints.metrics_port",
        ) from error
    return server
