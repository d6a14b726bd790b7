"""A small service and a catalogue of its own, so that the language is tested without monitors."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.core.playbook import Playbook
from controller.core.readings import Catalogue, SignalSpec
from controller.errors import BadInput
from controller.language.findings import Finding
from controller.language.loading import check, playbook_from_text
from controller.settings import Arm, Settings


def spec(
    name: str, unit: str, *labels: str, least: int = 0, window_s: float = 5.0, **more: object
) -> SignalSpec:
    return SignalSpec(name, unit, labels, least, window_s, "for tests", **more)  # type: ignore[arg-type]


SPECS = (
    spec("latency_ms.p50", "ms", least=30, maximum=60_000.0, users_only=True, harm="high"),
    spec("latency_ms.p95", "ms", least=30, maximum=60_000.0, users_only=True, harm="high"),
    spec("availability", "share", least=30, users_only=True, harm="low"),
    spec("degraded_share", "share", least=30, users_only=True, harm="high"),
    spec("arm_latency_ms.p95", "ms", "arm", least=30, maximum=60_000.0, harm="high"),
    spec("arm_bad", "share", "arm", least=30, harm="high"),
    spec("request_rate_per_s", "per_s", users_only=True),
    spec("arm_rate_per_s", "per_s", "arm"),
    spec("queue_depth", "count", "arm", window_s=0.0),
    spec("feature_age_s.p95", "s", "feature_group", least=30),
    spec("ctr", "share", "arm", least=200, window_s=600.0, users_only=True),
    spec("drift.psi", "value", "feature", least=500, window_s=300.0, is_drift=True),
    spec("drift.shifted_features", "count", "arm", least=500, window_s=300.0, is_drift=True),
    spec("source.silent_s", "s", "topic", window_s=0.0),
    spec("anomaly(arm_latency_ms.p95)", "value", "arm", least=30),
    spec("change(ctr)", "count", "arm"),
    spec("lift(ctr,primary,fallback).upper", "share", least=200, window_s=600.0),
    spec("slo.burn_rate", "value", "slo"),
)


@pytest.fixture
def catalogue() -> Catalogue:
    return Catalogue.of(SPECS)


@pytest.fixture
def settings() -> Settings:
    """Two arms and a challenger; 200 ms request deadline; 5 probes per s."""
    return Settings(
        arms={
            "primary": Arm(share=1.0),
            "fallback": Arm(share=0.0, in_process=True),
            "challenger": Arm(share=0.0),
        }
    )


PARTS = {
    "version": "1",
    "playbook": "slow",
    "owner": "oncall",
    "why": "It is slow.",
    "when": "arm_bad{arm=primary} > 20% for 3s",
    "no_data": "hold",
    "do": "[{route: {from: primary, to: fallback, share: 100%}}]",
    "clear_when": "arm_bad{arm=primary}[30s] < 2% for 60s",
}


class Language:
    """Reads texts made of ``PARTS`` with some top-level keys replaced, added or left out."""

    def __init__(self, settings: Settings, catalogue: Catalogue) -> None:
        self.settings = settings
        self.catalogue = catalogue

    def text(self, **parts: str | None) -> str:
        """One key a line, in the order of ``PARTS``; None leaves a key out."""
        merged = {**PARTS, **parts}
        return "".join(f"{key}: {value}\n" for key, value in merged.items() if value is not None)

    def read(self, **parts: str | None) -> Playbook:
        return playbook_from_text(self.text(**parts), "p.yaml", self.settings, self.catalogue)

    def error(self, text: str) -> str:
        """The one line of the first error."""
        with pytest.raises(BadInput) as caught:
            playbook_from_text(text, "p.yaml", self.settings, self.catalogue)
        return str(caught.value)

    def findings(self, folder: Path, text: str) -> list[Finding]:
        path = folder / "p.yaml"
        path.write_text(text, encoding="utf-8")
        return check([path], self.settings, self.catalogue)


@pytest.fixture
def language(settings: Settings, catalogue: Catalogue) -> Language:
    return Language(settings, catalogue)
