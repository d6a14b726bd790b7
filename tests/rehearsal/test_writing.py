"""A test that a program writes reads back as the same test."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from controller.core.playbook import Quantity
from controller.core.readings import SignalSpec
from controller.language.quantities import share, share_text
from controller.language.vocabulary import Vocabulary
from controller.monitors.layers import catalogue_of
from controller.rehearsal.document import read_heads, read_test
from controller.rehearsal.loading import load_tests
from controller.rehearsal.model import (
    Answer,
    Command,
    Expected,
    ExpectedPlan,
    Noise,
    Rehearsal,
    Restart,
    Series,
    Span,
    TextPattern,
)
from controller.rehearsal.recording import series_of
from controller.rehearsal.signals import Signals
from controller.rehearsal.verdict import rehearse
from controller.rehearsal.writing import pinned, rehearsal_text
from controller.settings import Settings

CATALOGUE = catalogue_of(Settings())
WORDS = Vocabulary.of(Settings(), CATALOGUE)
SIGNALS = {
    "arm_latency_ms.p95": Quantity("arm_latency_ms.p95", (("arm", "primary"),), 30.0),
    "degraded_share": Quantity("degraded_share"),
    "source.silent_s": Quantity("source.silent_s", (("topic", "outcome"),)),
    "request_rate_per_s": Quantity("request_rate_per_s", (), 60.0),
    "anomaly(arm_bad)": Quantity("anomaly(arm_bad)", (("arm", "primary"),)),
    "lift(ctr,primary,fallback).lower": Quantity("lift(ctr,primary,fallback).lower"),
    "change(latency_ms.p95)": Quantity("change(latency_ms.p95)", (), 10.0),
}
texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), min_size=1, max_size=9)
words = texts.map(lambda text: "x" + text + "x")
names = words.map(lambda text: " ".join(text.split()))
# Floats that have a text: not every share is a decimal percentage.
thousandths = st.integers(0, 1_000).map(lambda count: count / 1_000)
values = thousandths.filter(lambda value: share(share_text(value)) == value)
moments = st.integers(1, 50).map(float)
noises = st.builds(
    Noise, sd=values, phi=st.sampled_from((0.0, 0.6)), seed=st.integers(0, 99), every_s=moments
)
shapes = st.one_of(
    st.builds(Span, values=st.tuples(values), noise=st.none() | noises, sample=st.integers(0, 99)),
    st.builds(Span, values=st.tuples(values, values), ramp=st.just(True)),
    st.builds(Span, values=st.lists(values, min_size=1, max_size=4).map(tuple), every_s=moments),
    st.builds(Span, state=st.sampled_from(("stale", "idle", "unrecorded"))),
)
patterns = st.none() | st.builds(TextPattern, words, st.just(False))
plans = st.none() | st.builds(
    ExpectedPlan,
    shares=st.dictionaries(st.sampled_from(("primary", "fallback")), values),
    shed_share=st.none() | values,
    frozen=st.none() | st.lists(names, max_size=2).map(lambda each: tuple(sorted(each))),
    wanted=st.sampled_from(((), ("retrain",))),
)


@st.composite
def series(draw: st.DrawFn) -> tuple[Series, ...]:
    found = []
    for name in draw(st.sets(st.sampled_from(sorted(SIGNALS)), max_size=3)):
        spec: SignalSpec = CATALOGUE.specs[name]
        spans = draw(st.lists(shapes, min_size=1, max_size=3))
        ended = tuple(replace(span, until_s=(i + 1) * 7.5) for i, span in enumerate(spans))
        found.append(Series(SIGNALS[name], spec.unit, ended))
    return tuple(found)


@st.composite
def expected(draw: st.DrawFn) -> tuple[Expected, ...]:
    times = sorted(draw(st.lists(st.integers(0, 60).map(float), max_size=3)))
    return tuple(
        Expected(
            first_s=0.0 if (by := draw(st.booleans())) else at_s,
            last_s=at_s,
            by=by,
            phase=draw(st.sampled_from(("opened", "blocked", "no_data"))),
            playbook=draw(st.none() | st.just("slow")),
            target=draw(st.none() | words),
            guards=draw(st.lists(names, max_size=2).map(tuple)),
            outcomes=draw(st.none() | st.just(("passed", "not adopted"))),
            plan=draw(plans),
            sentence=draw(patterns),
            page=draw(patterns),
        )
        for at_s in times
    )


rehearsals = st.builds(
    Rehearsal,
    name=names,
    playbooks=st.lists(names, min_size=1, max_size=2).map(tuple),
    ends_at_s=st.just(60.0),
    expect=expected(),
    series=series(),
    adoption_s=st.none() | moments,
    otherwise=st.sampled_from(("unrecorded", "quiet", "stale")),
    work=st.lists(
        st.builds(
            Answer,
            kind=st.just("retrain"),
            after_s=moments,
            status=st.sampled_from(("done", "failed")),
            version=st.none() | words,
            detail=words,
        ),
        max_size=2,
    ).map(tuple),
    operator=st.lists(
        st.builds(Command, at_s=moments, verb=st.just("approve"), target=st.just(""), who=words),
        max_size=2,
    ).map(tuple),
    restarts=st.lists(st.builds(Restart, moments, moments), max_size=1).map(tuple),
    others_allowed=st.booleans(),
    never=expected(),
)


# Shrinking a whole test takes minutes and shows little.
@settings(
    max_examples=10,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow],
)
@given(rehearsals)
def test_reading_what_was_written_gives_the_same_test(rehearsal: Rehearsal) -> None:
    (head,) = read_heads(rehearsal_text(rehearsal, comment="made by\na program"))
    assert read_test(head, ["slow"], WORDS).rehearsal == rehearsal


def test_a_pinned_test_passes_and_pins_what_happens(rehearsing: Any) -> None:
    loaded = rehearsing.load(expect="[]", others="allowed")
    fixed = pinned(loaded.rehearsal, loaded.service)
    assert [each.phase for each in fixed.expect][:3] == ["opened", "acting", "verifying"]
    path: Path = rehearsing.folder / "pinned.yaml"
    path.write_text(rehearsal_text(fixed))
    (file,) = load_tests([path], Settings())
    assert rehearse(file.tests[0].rehearsal, file.tests[0].service).difference == ""


@pytest.mark.parametrize(
    "text", ["/not a regex/", "/(/", 'say "no"', "back\\slash", "\u00e9\u2028\U0001f600"]
)
def test_any_text_may_be_expected(text: str, rehearsing: Any) -> None:
    entry = Expected(1.0, 1.0, "opened", sentence=TextPattern(text, is_regex=False))
    written = rehearsal_text(Rehearsal("x", ("slow.yaml",), 9.0, (entry,)))
    (head,) = read_heads(written)
    pattern = read_test(head, ["slow"], WORDS).rehearsal.expect[0].sentence
    assert pattern is not None
    assert pattern.found_in(f"before {text} after")
    assert not pattern.found_in("before and after")


def test_readings_that_were_seen_become_series_that_show_them_again(rehearsing: Any) -> None:
    loaded = rehearsing.load()
    signals = Signals(loaded.rehearsal, loaded.service)
    ticks = [(float(second), signals.at(float(second))) for second in range(61)]
    seen = series_of(ticks, {key for _, readings in ticks for key in readings}, CATALOGUE)
    again = Signals(replace(loaded.rehearsal, series=seen), loaded.service)
    assert [again.at(at_s) for at_s, _ in ticks] == [readings for _, readings in ticks]
