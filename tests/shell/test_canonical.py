"""One document, one sequence of bytes."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.shell.canonical import canonical_bytes

documents = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abc_é"), inner, max_size=4)
    ),
    max_leaves=20,
)


@settings(max_examples=200)
@given(documents)
def test_reading_and_writing_again_gives_the_same_bytes(document: object) -> None:
    once = canonical_bytes(document)
    assert canonical_bytes(json.loads(once)) == once


@settings(max_examples=100)
@given(st.dictionaries(st.text("abcdef", max_size=3), st.integers(), max_size=6))
def test_order_of_keys_does_not_matter(document: dict[str, int]) -> None:
    backwards = dict(reversed(list(document.items())))
    assert canonical_bytes(document) == canonical_bytes(backwards)


def test_arithmetic_noise_beyond_fifteen_digits_does_not_show() -> None:
    assert canonical_bytes(0.1 + 0.2) == canonical_bytes(0.3) == b"0.3"
    assert canonical_bytes(-0.0) == canonical_bytes(0.0)


def test_times_keep_their_milliseconds() -> None:
    assert canonical_bytes(1_764_000_000.123) == b"1764000000.123"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_json_cannot_say_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match=r"."):
        canonical_bytes({"value": value})


def test_keys_must_be_text() -> None:
    with pytest.raises(TypeError, match="string keys"):
        canonical_bytes({1: "one"})
