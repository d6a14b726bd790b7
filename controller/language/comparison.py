"""One comparison: a text of the grammar to the judge's `Comparison`; names, labels, units checked.

Knows the words of the service (its `Vocabulary`), and no YAML beyond the place of the text.
"""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches

from controller.core.playbook import Comparison, Quantity
from controller.core.readings import SignalSpec
from controller.language.fields import one_of, suggestion
from controller.language.findings import Problem
from controller.language.grammar import (
    ConditionSyntaxError,
    ParsedCondition,
    ParsedSignal,
    parse_condition,
    parse_expectation,
)
from controller.language.quantities import EXAMPLES, UNITS_OF, duration_text, in_unit
from controller.language.vocabulary import Vocabulary
from controller.language.yaml_text import QUOTE_ADVICE, YamlText

MAX_WINDOW_S = 3600.0
"""The longest window monitors keep counts for; a test compares it with theirs."""
_ARGUMENTS = {"anomaly": 1, "change": 1, "lift": 3}
_PARTS = {"anomaly": (), "change": (), "lift": ("lower", "upper")}


class ComparisonReader:
    """``for_each`` is the label whose variable is bound, if any. Methods raise Problem."""

    def __init__(self, vocabulary: Vocabulary, for_each: str | None) -> None:
        self._vocabulary = vocabulary
        self._for_each = for_each

    def comparison(self, text: YamlText, path: str) -> Comparison:
        """``SIGNAL OPERATOR THRESHOLD for DURATION`` and its kin."""
        return self._comparison(self._parse(text, path), text, path)

    def expectation(self, text: YamlText, path: str) -> tuple[Comparison, float]:
        """The same with ``within DURATION`` at its end, in seconds."""
        parsed = self._parse(text, path, expectation=True)
        assert parsed.within_s is not None
        return self._comparison(parsed, text, path), parsed.within_s

    def _parse(self, text: YamlText, path: str, *, expectation: bool = False) -> ParsedCondition:
        try:
            parse = parse_expectation if expectation else parse_condition
            return parse(text.text)
        except ConditionSyntaxError as error:
            if text.in_flow and _is_torn(text.text):
                what = f"{text.text!r} is not a whole condition"
                raise self._problem("P006", what, QUOTE_ADVICE, text, path, error.column) from None
            advice = f"accepted: {error.accepted}"
            before = " ".join(text.text[: error.column].split())
            what = f"{error.what} after {before!r}" if before else f"{error.what} at the start"
            raise self._problem("P020", what, advice, text, path, error.column) from None

    def _problem(
        self, rule: str, what: str, advice: str, text: YamlText, path: str, column: int
    ) -> Problem:
        if text.single_line:
            place = replace(text.place, column=text.place.column + column)
            return Problem(rule, what, advice, place=place, field=path)
        shown = " ".join(text.text.split("\n"))
        return Problem(
            rule, what, advice, place=text.place, field=path, excerpt=shown, caret=column
        )

    def _comparison(self, parsed: ParsedCondition, text: YamlText, path: str) -> Comparison:
        spec = self._spec(parsed, text, path)
        labels = self._labels(parsed.arguments[0], spec, text, path)
        self._check_window(parsed.arguments[0], spec, text, path)
        if parsed.form == "rarer":
            assert parsed.per_s is not None
            threshold, unit = float(parsed.number) / parsed.per_s, "per_s"
        else:
            threshold, unit = self._threshold(parsed, spec, text, path), spec.unit
        return Comparison(
            quantity=Quantity(spec.name, labels, parsed.arguments[0].window_s),
            op=parsed.op,
            threshold=threshold,
            unit=unit,
            for_s=parsed.hold.for_s,
            text=_author_text(text.text, parsed),
            for_ticks=parsed.hold.ticks,
            times=parsed.hold.times,
            times_within_s=parsed.hold.times_within_s,
        )

    def _spec(self, parsed: ParsedCondition, text: YamlText, path: str) -> SignalSpec:
        first = parsed.arguments[0]
        self._check_call(parsed, text, path)
        name = first.name
        if parsed.function:
            arguments = ",".join(argument.name for argument in parsed.arguments)
            name = f"{parsed.function}({arguments})" + (f".{parsed.part}" if parsed.part else "")
        known = self._vocabulary.catalogue.specs
        if name in known:
            return known[name]
        what = f"unknown signal {name!r}"
        if parsed.function and first.name in known:
            advice = f"no monitor gives {parsed.function} of {first.name}; see `selfright signals`"
        else:
            close = get_close_matches(first.name, known, n=3, cutoff=0.5)
            hint = f"did you mean {' or '.join(close)}? " if close else ""
            advice = hint + "accepted: the names of `selfright signals`"
        raise self._problem("P021", what, advice, text, path, first.column)

    def _check_call(self, parsed: ParsedCondition, text: YamlText, path: str) -> None:
        if not parsed.function:
            return
        count, parts = _ARGUMENTS[parsed.function], _PARTS[parsed.function]
        form = {"lift": "lift(SIGNAL, ARM, ARM).upper or .lower"}.get(
            parsed.function, f"{parsed.function}(SIGNAL)"
        )
        wrong_form = parsed.form == "rarer" and parsed.function != "anomaly"
        wrong_form = wrong_form or (parsed.form == "happens" and parsed.function != "change")
        wrong_form = wrong_form or (parsed.form == "compare" and parsed.function == "anomaly")
        if (
            len(parsed.arguments) != count
            or (bool(parts) != bool(parsed.part))
            or (parsed.part and parsed.part not in parts)
        ):
            what = f"{parsed.function} is not called like this"
            raise self._problem("P020", what, f"accepted: {form}", text, path, 0)
        if wrong_form:
            form += {"anomaly": " rarer than 1 per 30d", "change": " alone", "lift": " < -5%"}[
                parsed.function
            ]
            what = f"{parsed.function} is not compared like this"
            raise self._problem("P020", what, f"accepted: {form}", text, path, 0)
        for arm in parsed.arguments[1:]:
            if arm.name not in self._vocabulary.arms:
                what = f"unknown arm {arm.name!r}"
                advice = suggestion(arm.name, self._vocabulary.arms)
                raise self._problem("P035", what, advice, text, path, arm.column)

    def _labels(
        self, signal: ParsedSignal, spec: SignalSpec, text: YamlText, path: str
    ) -> tuple[tuple[str, str], ...]:
        found: dict[str, str] = {}
        for label, value, column in signal.labels:
            if label not in spec.labels:
                what = f"{spec.name} has no label {label!r}"
                advice = one_of(spec.labels) if spec.labels else "accepted: no labels"
                raise self._problem("P022", what, advice, text, path, column)
            if label in found:
                what = f"the label {label!r} is given twice"
                raise self._problem("P022", what, "accepted: once", text, path, column)
            self._check_value(label, value, text, path, column)
            found[label] = value
        for label in spec.labels:
            if label not in found:
                values = self._vocabulary.label_values.get(label, ("VALUE",))
                forms = [f"{{{label}={value}}}" for value in values]
                what = f"{spec.name} needs the label {label!r}"
                raise self._problem("P022", what, one_of(forms), text, path, signal.column)
        return tuple(sorted(found.items()))

    def _check_value(self, label: str, value: str, text: YamlText, path: str, column: int) -> None:
        if value.startswith("$"):
            if value[1:] != self._for_each or label != self._for_each:
                bound = f"{self._for_each}=${self._for_each}" if self._for_each else ""
                what = f"nothing binds {label}={value}"
                advice = f"accepted: {bound}" if bound else f"add `for_each: {label}` or a value"
                raise self._problem("P025", what, advice, text, path, column)
            return
        known = self._vocabulary.label_values.get(label)
        if known is not None and value not in known:
            what = f"unknown {label} {value!r}"
            rule = "P035" if label == "arm" else "P023"
            raise self._problem(rule, what, suggestion(value, known), text, path, column)

    def _check_window(
        self, signal: ParsedSignal, spec: SignalSpec, text: YamlText, path: str
    ) -> None:
        if signal.window_s is None:
            return
        if spec.default_window_s == 0.0:
            what = f"{spec.name} is a gauge without a window"
            advice = f"accepted: {spec.name} without [{duration_text(signal.window_s)}]"
            raise self._problem("P026", what, advice, text, path, signal.column)
        if signal.window_s != int(signal.window_s):
            what = f"the window [{duration_text(signal.window_s)}] is not whole ticks"
            raise self._problem("P026", what, "accepted: whole seconds", text, path, signal.column)
        if signal.window_s > MAX_WINDOW_S:
            what = f"the window [{duration_text(signal.window_s)}] is longer than anything kept"
            advice = f"accepted: at most {duration_text(MAX_WINDOW_S)}"
            raise self._problem("P026", what, advice, text, path, signal.column)

    def _threshold(
        self, parsed: ParsedCondition, spec: SignalSpec, text: YamlText, path: str
    ) -> float:
        if parsed.form == "happens":
            return 1.0
        factor = UNITS_OF[spec.unit].get(parsed.unit)
        if factor is None:
            written = f"{parsed.number}{parsed.unit}"
            what = f"{spec.name} is not compared with {written}"
            advice = f"accepted: {EXAMPLES[spec.unit]}"
            raise self._problem("P024", what, advice, text, path, parsed.threshold_column)
        return in_unit(parsed.number, factor)


def _is_torn(text: str) -> bool:
    """A bracket without its partner: flow style ends texts at commas and braces."""
    return any(text.count(a) != text.count(b) for a, b in ("()", "[]", "{}"))


def _author_text(text: str, parsed: ParsedCondition) -> str:
    """What the author wrote, on one line; ``within`` belongs to the move, not to the condition."""
    comparison = text.rpartition("within")[0] if parsed.within_s is not None else text
    return " ".join(comparison.split())
