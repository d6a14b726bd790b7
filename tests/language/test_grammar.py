"""The condition grammar: what it reads it can write, and where it stops it points."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.language.grammar import (
    MAX_TEXT,
    MAX_TICKS,
    MAX_TIMES,
    MAX_TIMES_WITHIN_S,
    NO_HOLD,
    ConditionSyntaxError,
    Hold,
    ParsedCondition,
    ParsedSignal,
    condition_text,
    parse_condition,
    parse_expectation,
)

words = st.from_regex(r"[a-z][a-z0-9_]{0,6}", fullmatch=True)
names = st.lists(words, min_size=1, max_size=3).map(".".join)
values = st.one_of(
    words,
    words.map(lambda word: f"${word}"),
    st.text("abc 0-9.äß/:,}>", min_size=1, max_size=8),
)
labels = st.dictionaries(words, values, max_size=3).map(
    lambda pairs: tuple((key, value, 0) for key, value in pairs.items())
)
durations = st.one_of(
    st.integers(1, 10_000).map(float), st.integers(1, 999).map(lambda ms: ms / 1000)
)
maybe_durations = st.none() | durations
signals = st.builds(ParsedSignal, names, st.just(0), labels, maybe_durations)
numbers = st.decimals(-10_000, 10_000, places=3, allow_nan=False).map(lambda n: f"{n:f}")
units = st.sampled_from(["", "ms", "s", "m", "h", "d", "%", "/s", "count"])
holds = st.one_of(
    st.just(NO_HOLD),
    st.builds(Hold, durations),
    st.builds(Hold, ticks=st.integers(2, MAX_TICKS)),
    st.builds(
        Hold,
        times=st.integers(2, MAX_TIMES),
        times_within_s=st.integers(1, int(MAX_TIMES_WITHIN_S)).map(float),
    ),
)
operators = st.sampled_from(["<", "<=", ">", ">="])


@st.composite
def conditions(draw: st.DrawFn) -> ParsedCondition:
    form = draw(st.sampled_from(["compare", "rarer", "happens"]))
    function = draw(st.sampled_from(["anomaly", "change", "lift"]))
    if form == "compare" and draw(st.booleans()):
        function = ""
    arguments = tuple(draw(st.lists(signals, min_size=1, max_size=1 if not function else 3)))
    part = draw(st.sampled_from(["", "upper", "lower"])) if function else ""
    happens = form == "happens"
    return ParsedCondition(
        form=form,
        function=function,
        part=part,
        arguments=arguments,
        op=draw(operators) if form == "compare" else "<" if form == "rarer" else ">=",
        number="1" if happens else draw(numbers),
        unit="" if happens else draw(units),
        threshold_column=0,
        per_s=draw(durations) if form == "rarer" else None,
        hold=draw(holds),
        within_s=draw(maybe_durations),
    )


def _without_places(parsed: ParsedCondition) -> ParsedCondition:
    arguments = tuple(
        ParsedSignal(a.name, 0, tuple((k, v, 0) for k, v, _ in a.labels), a.window_s)
        for a in parsed.arguments
    )
    return replace(parsed, arguments=arguments, threshold_column=0)


@pytest.mark.parametrize("value", [".", "-a", "a.b-c", "0", "$a", "ä", "a b", "$"])
def test_a_label_value_is_quoted_where_it_must_be(value: str) -> None:
    text = condition_text(parse_condition(f'a{{b="{value}"}} < 1'))
    assert parse_condition(text).arguments[0].labels[0][1] == value


@settings(max_examples=150)
@given(conditions())
def test_what_is_written_is_read_back(parsed: ParsedCondition) -> None:
    parse = parse_condition if parsed.within_s is None else parse_expectation
    assert _without_places(parse(condition_text(parsed))) == parsed


@settings(max_examples=150)
@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_with_a_place(text: str) -> None:
    error = None
    try:
        parse_condition(text)
    except ConditionSyntaxError as caught:
        error = caught
    assert error is None or (0 <= error.column <= len(text) and error.accepted)


POINTED = {
    "a missing threshold": ("a >", "   ^", "the end does not fit; accepted: a number"),
    "an unknown comparison": (
        "a == 1",
        "  ^",
        "'=' does not fit; accepted: <, <=, > or >= or { or [",
    ),
    "a label without value": ("a{arm} > 1", "     ^", "'}' does not fit; accepted: ="),
    "an open brace": (
        "a{arm=primary > 1",
        "              ^",
        "'>' does not fit; accepted: } or ,",
    ),
    "a window without unit": (
        "a[10] > 1",
        "    ^",
        "']' does not fit; accepted: a unit (ms, s, m, h, d, %, /s, count)",
    ),
    "two holds": (
        "a > 1 for 2s for 3s",
        "             ^",
        "'for' does not fit; accepted: the end",
    ),
    "a hold without time": (
        "a > 1 for",
        "         ^",
        "the end does not fit; accepted: a number or N ticks",
    ),
    "a time that is none": (
        "a > 1 for 2%",
        "           ^",
        "% is no time; accepted: ms, s, m, h or d",
    ),
    "no time at all": ("a > 1 for 0s", "          ^", "0s is no time; accepted: above 0"),
    "within outside an expectation": (
        "a > 1 within 3s",
        "      ^",
        "'within' does not fit; accepted: for DURATION or N times within DURATION or the end",
    ),
    "a count of one": (
        "a > 1 for 1 ticks",
        "          ^",
        "1 ticks cannot be counted; accepted: 2 to 3600",
    ),
    "half a tick": (
        "a > 1 for 2.5 ticks",
        "          ^",
        "2.5 ticks cannot be counted; accepted: 2 to 3600",
    ),
    "too many times": (
        "a > 1 21 times within 1h",
        "      ^",
        "21 times cannot be counted; accepted: 2 to 20",
    ),
    "times over too long": (
        "a > 1 3 times within 2d",
        "      ^",
        "the time is too long; accepted: at most 1d",
    ),
    "a threshold that was forgotten": (
        "a > 3 times within 1h",
        "            ^",
        "'within' does not fit; accepted: for DURATION or N times within DURATION or the end",
    ),
    "an unknown function": (
        "foo(a) > 1",
        "   ^",
        "'(' does not fit; accepted: <, <=, > or >= or { or [",
    ),
    "too long": (
        "a" * (MAX_TEXT + 1),
        " " * MAX_TEXT + "^",
        "the condition has 501 characters; accepted: at most 500",
    ),
}


@pytest.mark.parametrize(("text", "caret", "said"), POINTED.values(), ids=POINTED.keys())
def test_the_caret_is_under_the_place(text: str, caret: str, said: str) -> None:
    with pytest.raises(ConditionSyntaxError) as caught:
        parse_condition(text)
    assert (" " * caught.value.column + "^", str(caught.value)) == (caret, said)


def test_an_expectation_needs_within() -> None:
    with pytest.raises(ConditionSyntaxError, match="within DURATION"):
        parse_expectation("degraded_share < 1%")
