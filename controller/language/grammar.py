"""The condition grammar: text to a parsed condition, every part with its column.

Knows no signals: whether names, labels and units fit is `conditions.py`'s question.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, cast

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from controller.language.quantities import DURATIONS_S, duration_text, in_unit

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
hold: "for" duration
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
UNIT: /%|\/?[A-Za-z]+/
%ignore /[ \t\n]+/
"""

MAX_TEXT = 500
"""Characters of one condition."""

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
    for_s: float | None
    for_column: int
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
    for_s, for_column = _held(cast("Tree[Token] | None", hold))
    within_s = _duration(cast("Tree[Token]", within[0]).children[0]) if within else None
    return _condition(cast("Tree[Token]", comparison), for_s, for_column, within_s)


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


def _condition(
    tree: Tree[Token], for_s: float | None, for_column: int, within_s: float | None
) -> ParsedCondition:
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
        for_s,
        for_column,
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
    return str(number), str(unit) if unit is not None else "", _column(number)


def _duration(node: Token | Tree[Token]) -> float:
    number, unit = cast("list[Token]", cast("Tree[Token]", node).children)
    factor = DURATIONS_S.get(str(unit))
    if factor is None:
        raise ConditionSyntaxError(f"{unit!s} is no time", "ms, s, m, h or d", _column(unit))
    if float(number) <= 0.0:
        raise ConditionSyntaxError(f"{number!s}{unit!s} is no time", "above 0", _column(number))
    return in_unit(str(number), factor)


def _held(node: Tree[Token] | None) -> tuple[float | None, int]:
    if node is None:
        return None, 0
    duration = cast("Tree[Token]", node.children[0])
    return _duration(duration), _column(duration.children[0])


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
    if parsed.for_s is not None:
        text += f" for {duration_text(parsed.for_s)}"
    if parsed.within_s is not None:
        text += f" within {duration_text(parsed.within_s)}"
    return text
