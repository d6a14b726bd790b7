"""The condition grammar: text to a parsed condition, every part with its column.

Knows no signals: whether names, labels and units fit is `comparison.py`'s question.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, cast

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from controller.core.timers import MOST_TIMES
from controller.language.quantities import (
    DURATIONS_S,
    MAX_SPAN_S,
    duration_s,
    duration_text,
    in_unit,
)

GRAMMAR = r"""
condition: comparison [hold]
expectation: comparison [hold] within

?comparison: quantity OPERATOR threshold          -> compare
           | call "rarer" "than" threshold "per" duration -> rarer
           | call                                 -> happens

?quantity: signal | call
signal: NAME [labels] [window]
call: FUNCTION "(" argument ("," argument)* ")" [PART]
?argument: signal

labels: "{" [label ("," label)*] "}"
label: LABEL "=" (VALUE | VARIABLE | QUOTED)
window: "[" duration "]"
hold: "for" duration                       -> held
    | "for" TICK_COUNT "ticks"             -> ticks
    | TIME_COUNT "times" "within" duration -> times
within: "within" duration
threshold: NUMBER [UNIT]
duration: NUMBER UNIT

OPERATOR: "<=" | ">=" | "<" | ">"
FUNCTION.2: /(anomaly|change|lift)(?=\s*\()/
NAME: /[A-Za-z_][A-Za-z0-9_\-]*(\.[A-Za-z0-9_\-]+)*/
PART: /\.[a-z]+/
LABEL: /[A-Za-z_][A-Za-z0-9_]*/
VALUE: /[A-Za-z0-9_][A-Za-z0-9_.\-]*/
VARIABLE: /\$[A-Za-z_][A-Za-z0-9_]*/
QUOTED: /"[^"\n]*"/
NUMBER: /-?[0-9]+(\.[0-9]+)?/
TICK_COUNT.2: /[0-9.]+(?=\s+ticks)/
TIME_COUNT.2: /[0-9.]+(?=\s+times)/
UNIT: /%|\/?[A-Za-z]+/
%ignore /[ \t\n]+/
"""

MAX_TEXT = 500
"""Characters of one condition."""
MAX_NUMBER = 1e15
MAX_TICKS = 3_600
MAX_TIMES = MOST_TIMES
MAX_TIMES_WITHIN_S = 86_400.0

_PARSER = Lark(GRAMMAR, parser="lalr", start=["condition", "expectation"], maybe_placeholders=True)
_SAID = {
    "OPERATOR": "<, <=, > or >=",
    "NUMBER": "a number",
    "UNIT": "a unit (ms, s, m, h, d, %, /s, count)",
    "NAME": "a signal",
    "FUNCTION": "anomaly(...), change(...) or lift(...)",
    "LABEL": "a label name",
    "VALUE": "a label value",
    "VARIABLE": "a $variable",
    "QUOTED": '"a quoted value"',
    "PART": ".lower or .upper",
    "FOR": "for DURATION",
    "TICK_COUNT": "N ticks",
    "TIME_COUNT": "N times within DURATION",
    "WITHIN": "within DURATION",
    "RARER": "rarer than N per DURATION",
    "THAN": "than",
    "PER": "per",
    "LBRACE": "{",
    "RBRACE": "}",
    "LSQB": "[",
    "RSQB": "]",
    "LPAR": "(",
    "RPAR": ")",
    "COMMA": ",",
    "EQUAL": "=",
    "$END": "the end",
}


class ConditionSyntaxError(Exception):
    """``column`` is where in the text, from 0; ``accepted`` what could stand there."""

    def __init__(self, what: str, accepted: str, column: int) -> None:
        super().__init__(f"{what}; accepted: {accepted}")
        self.what = what
        self.accepted = accepted
        self.column = column


@dataclass(frozen=True, slots=True)
class ParsedSignal:
    """``labels`` in the order written, each with its column."""

    name: str
    column: int
    labels: tuple[tuple[str, str, int], ...]
    window_s: float | None


@dataclass(frozen=True, slots=True)
class Hold:
    """For how long or how often: one of the three is given, the others are 0."""

    for_s: float = 0.0
    ticks: int = 0
    times: int = 0
    times_within_s: float = 0.0


NO_HOLD = Hold()


@dataclass(frozen=True, slots=True)
class ParsedCondition:
    """``function`` and ``part`` are empty for a plain signal; ``arguments`` has it alone then.

    ``form``: ``compare`` (op, number, unit), ``rarer`` (number per ``per_s``) or ``happens``.
    """

    form: Literal["compare", "rarer", "happens"]
    function: str
    part: str
    arguments: tuple[ParsedSignal, ...]
    op: Literal["<", "<=", ">", ">="]
    number: str
    unit: str
    threshold_column: int
    per_s: float | None
    hold: Hold = NO_HOLD
    within_s: float | None = None


def parse_condition(text: str) -> ParsedCondition:
    """Raise ConditionSyntaxError."""
    return _parse(text, "condition")


def parse_expectation(text: str) -> ParsedCondition:
    """A condition with ``within DURATION`` at its end. Raise ConditionSyntaxError."""
    return _parse(text, "expectation")


def _parse(text: str, start: str) -> ParsedCondition:
    if len(text) > MAX_TEXT:
        raise ConditionSyntaxError(
            f"the condition has {len(text)} characters", f"at most {MAX_TEXT}", MAX_TEXT
        )
    try:
        tree = _PARSER.parse(text, start=start)
    except UnexpectedInput as error:
        raise _syntax_error(error, text) from None
    comparison, hold, *within = tree.children
    held = _held(cast("Tree[Token] | None", hold))
    within_s = _span(cast("Tree[Token]", within[0]).children[0]) if within else None
    return _condition(cast("Tree[Token]", comparison), held, within_s)


def _syntax_error(error: UnexpectedInput, text: str) -> ConditionSyntaxError:
    if isinstance(error, UnexpectedCharacters):
        column, found, names = error.pos_in_stream, repr(error.char), error.allowed
    elif isinstance(error, UnexpectedToken):
        token = error.token
        at_end = token.type == "$END"
        column = len(text) if at_end else (token.start_pos or 0)
        found, names = ("the end" if at_end else repr(str(token))), error.accepts or error.expected
    else:
        column, found, names = len(text), "the end", set()
    said = [words for name, words in _SAID.items() if name in (names or ())]
    return ConditionSyntaxError(f"{found} does not fit", " or ".join(said), column or 0)


def _condition(tree: Tree[Token], hold: Hold, within_s: float | None) -> ParsedCondition:
    form = cast('Literal["compare", "rarer", "happens"]', tree.data)
    quantity = cast("Tree[Token]", tree.children[0])
    function, part, arguments = "", "", (quantity,)
    if quantity.data == "call":
        name, *inner, last = quantity.children
        function, part = str(name), str(last)[1:] if last is not None else ""
        arguments = cast("tuple[Tree[Token]]", tuple(inner))
    op, number, unit, column, per_s = ">=", "1", "", 0, None
    if form == "compare":
        op = str(tree.children[1])
        number, unit, column = _threshold(tree.children[2])
    elif form == "rarer":
        op, (number, unit, column) = "<", _threshold(tree.children[1])
        per_s = _duration(tree.children[2])
    return ParsedCondition(
        form,
        function,
        part,
        tuple(_signal(argument) for argument in arguments),
        cast('Literal["<", "<=", ">", ">="]', op),
        number,
        unit,
        column,
        per_s,
        hold,
        within_s,
    )


def _signal(tree: Tree[Token]) -> ParsedSignal:
    name, labels, window = cast("list[Token | Tree[Token] | None]", tree.children)
    assert isinstance(name, Token)
    pairs = []
    for label in cast("Tree[Token]", labels).children if labels is not None else ():
        if label is not None:
            key, value = cast("list[Token]", cast("Tree[Token]", label).children)
            pairs.append((str(key), str(value).strip('"'), _column(key)))
    window_s = _duration(cast("Tree[Token]", window).children[0]) if window is not None else None
    return ParsedSignal(str(name), _column(name), tuple(pairs), window_s)


def _threshold(node: Token | Tree[Token]) -> tuple[str, str, int]:
    number, unit = cast("list[Token | None]", cast("Tree[Token]", node).children)
    assert number is not None
    _check_size(number)
    return str(number), str(unit) if unit is not None else "", _column(number)


def _duration(node: Token | Tree[Token]) -> float:
    number, unit = cast("list[Token]", cast("Tree[Token]", node).children)
    factor = DURATIONS_S.get(str(unit))
    if factor is None:
        raise ConditionSyntaxError(f"{unit!s} is no time", "ms, s, m, h or d", _column(unit))
    if float(number) <= 0.0:
        raise ConditionSyntaxError(f"{number!s}{unit!s} is no time", "above 0", _column(number))
    _check_size(number)
    return in_unit(str(number), factor)


def _span(node: Token | Tree[Token]) -> float:
    """A duration that is waited for or held."""
    found_s = _duration(node)
    if found_s > MAX_SPAN_S:
        column = _column(cast("Tree[Token]", node).children[0])
        most = f"at most {duration_text(MAX_SPAN_S)}"
        raise ConditionSyntaxError("the time is too long", most, column)
    return found_s


def _check_size(number: Token) -> None:
    """Beyond it a float is no exact number, and in the end infinite."""
    if abs(float(number)) > MAX_NUMBER:
        raise ConditionSyntaxError(
            "the number is too large", f"at most {MAX_NUMBER:g}", _column(number)
        )


def _held(node: Tree[Token] | None) -> Hold:
    if node is None:
        return NO_HOLD
    first = node.children[0]
    if node.data == "held":
        return Hold(for_s=_span(first))
    if node.data == "ticks":
        return Hold(ticks=_count(cast("Token", first), MAX_TICKS, "ticks"))
    times, within_s = _count(cast("Token", first), MAX_TIMES, "times"), _duration(node.children[1])
    if within_s > MAX_TIMES_WITHIN_S:
        what = "the time is too long"
        accepted = f"at most {duration_text(MAX_TIMES_WITHIN_S)}"
        raise ConditionSyntaxError(what, accepted, _column(first))
    return Hold(times=times, times_within_s=within_s)


def _count(token: Token, most: int, of: str) -> int:
    """From 2: a single one needs no words."""
    text = str(token)
    if not text.isdigit() or len(text) > 9 or not 2 <= int(text) <= most:
        what = f"{text} {of} cannot be counted"
        raise ConditionSyntaxError(what, f"2 to {most}", _column(token))
    return int(text)


def _column(token: Token | Tree[Token]) -> int:
    return cast("Token", token).start_pos or 0


def signal_text(signal: ParsedSignal) -> str:
    """A signal as the grammar reads it; the inverse of parsing, but for spaces and columns."""
    labels = ", ".join(f"{key}={_value_text(value)}" for key, value, _ in signal.labels)
    window = f"[{duration_text(signal.window_s)}]" if signal.window_s is not None else ""
    return signal.name + (f"{{{labels}}}" if labels else "") + window


_UNQUOTED = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*|\$[A-Za-z_][A-Za-z0-9_]*")
"""VALUE or VARIABLE of the grammar."""


def _value_text(value: str) -> str:
    return value if _UNQUOTED.fullmatch(value) else f'"{value}"'


def condition_text(parsed: ParsedCondition) -> str:
    """A whole condition or expectation as the grammar reads it."""
    text = signal_text(parsed.arguments[0])
    if parsed.function:
        inside = ", ".join(signal_text(argument) for argument in parsed.arguments)
        text = f"{parsed.function}({inside})" + (f".{parsed.part}" if parsed.part else "")
    if parsed.form == "compare":
        text += f" {parsed.op} {parsed.number}{parsed.unit}"
    elif parsed.form == "rarer":
        assert parsed.per_s is not None
        text += f" rarer than {parsed.number}{parsed.unit} per {duration_text(parsed.per_s)}"
    text += hold_text(parsed.hold)
    if parsed.within_s is not None:
        text += f" within {duration_text(parsed.within_s)}"
    return text


def hold_text(hold: Hold) -> str:
    """`` for 2s``, `` for 5 ticks``, `` 3 times within 10m``, or nothing."""
    if hold.for_s:
        return f" for {duration_text(hold.for_s)}"
    if hold.ticks:
        return f" for {hold.ticks} ticks"
    if hold.times:
        return f" {hold.times} times within {duration_text(hold.times_within_s)}"
    return ""


def parse_hold(text: str) -> Hold:
    """``2s`` or ``5 ticks``, as they stand after ``for:``. Raise ValueError."""
    ticks = re.fullmatch(r"\s*([0-9]+)\s+ticks\s*", text, re.ASCII)
    if ticks is None:
        for_s = duration_s(text)
        if for_s > MAX_SPAN_S:
            most = duration_text(MAX_SPAN_S)
            raise ValueError(f"is too long; accepted: at most {most}")
        return Hold(for_s=for_s)
    try:
        return Hold(ticks=_count(Token("NUMBER", ticks[1]), MAX_TICKS, "ticks"))
    except ConditionSyntaxError as error:
        raise ValueError(str(error)) from None
