"""Series of a test: YAML to `Series`. A key is a signal as in conditions, a value is its spans."""

from __future__ import annotations

from dataclasses import dataclass

from controller.core.playbook import Quantity
from controller.core.readings import Labels, SignalSpec
from controller.language.comparison import ComparisonReader
from controller.language.fields import Fields, Places, kind_of, list_of, quantity_of, text_of
from controller.language.findings import Place, Problem
from controller.language.grammar import ConditionSyntaxError, parse_condition
from controller.language.vocabulary import Vocabulary
from controller.language.yaml_text import YamlMap, YamlNode, YamlText
from controller.rehearsal.model import MISSING_STATES, Noise, Series, Span
from controller.rehearsal.values import NEVER_NEGATIVE, moment_s, value_in, value_text

MAX_SERIES = 200
MAX_SPANS = 500
MAX_TURNS = 20
SERIES_EXAMPLE = "`arm_latency_ms.p95{arm=primary}: 80ms`"
SPAN_KEYS = ("until", "value", "ramp", "cycle", "every", "state", "sample", "noise")
NOISE_KEYS = ("mean", "sd", "phi", "seed", "every")
_SHAPES = ("value", "ramp", "cycle", "state")
_UNIT = {"ms": "ms", "s": "s", "share": "%", "per_s": "/s"}


@dataclass(frozen=True, slots=True)
class PlacedSeries:
    """A series, and where its key stands."""

    series: Series
    key: str
    place: Place


class SeriesReader:
    """Reads for one service's vocabulary and one tick. Methods raise Problem."""

    def __init__(self, vocabulary: Vocabulary, places: Places, tick_s: float) -> None:
        self._vocabulary = vocabulary
        self._conditions = ComparisonReader(vocabulary, None)
        self._places = places
        self._tick_s = tick_s

    def all_of(self, node: YamlNode, path: str) -> tuple[PlacedSeries, ...]:
        """Every series of a mapping; none may say what another says."""
        if not isinstance(node, YamlMap) or not 0 < len(node.entries) <= MAX_SERIES:
            what = kind_of(node) if not isinstance(node, YamlMap) else f"{len(node.entries)} series"
            advice = f"accepted: a mapping of 1 to {MAX_SERIES} series, like {SERIES_EXAMPLE}"
            raise Problem("P012", what, advice, place=node.place, field=path)
        found = [
            self._series(key, value, node.key_places[key], f"{path}.{key}")
            for key, value in node.entries.items()
        ]
        first: dict[tuple[str, Labels, float | None], str] = {}
        for each in found:
            quantity = each.series.quantity
            name = (quantity.signal, quantity.labels, quantity.window_s)
            if name in first:
                what = f"says again what {first[name]!r} says"
                raise Problem(
                    "P004", what, "accepted: once", place=each.place, field=f"{path}.{each.key}"
                )
            first[name] = each.key
        return tuple(found)

    def _series(self, key: str, node: YamlNode, place: Place, path: str) -> PlacedSeries:
        quantity, spec = self._quantity(key, place, path)
        if isinstance(node, YamlText):
            spans: tuple[Span, ...] = (self._constant(node, spec, path),)
        else:
            example = "[{until: 10s, value: 80ms}, {value: 250ms}]"
            items = list_of(node, path, example, MAX_SPANS)
            spans = tuple(
                self._span(item, spec, f"{path}[{i}]", is_last=i == len(items) - 1)
                for i, item in enumerate(items)
            )
            self._check_rising(spans, items, path)
        return PlacedSeries(Series(quantity, spec.unit, spans), key, place)

    def _quantity(self, key: str, place: Place, path: str) -> tuple[Quantity, SignalSpec]:
        """A key is read as the left side of a comparison, so errors are those of conditions."""
        text = YamlText(f"{key}{self._right_side(key)}", place, "text")
        comparison = self._conditions.comparison(text, path)
        return comparison.quantity, self._vocabulary.catalogue.specs[comparison.quantity.signal]

    def _right_side(self, key: str) -> str:
        if key.startswith("anomaly("):
            return " rarer than 1 per 1d"
        if key.startswith("change("):
            return ""
        try:
            parsed = parse_condition(f"{key} > 1")
        except ConditionSyntaxError:
            return " > 1"
        name = parsed.arguments[0].name
        if parsed.function:
            inside = ",".join(each.name for each in parsed.arguments)
            name = f"{parsed.function}({inside}).{parsed.part}"
        spec = self._vocabulary.catalogue.specs.get(name)
        return f" > 1{_UNIT.get(spec.unit, '')}" if spec is not None else " > 1"

    def _constant(self, node: YamlText, spec: SignalSpec, path: str) -> Span:
        text = text_of(node, path)
        if text.text in MISSING_STATES:
            return Span(state=text.text)
        return Span(values=(self._value(text, spec, path),))

    def _span(self, node: YamlNode, spec: SignalSpec, path: str, *, is_last: bool) -> Span:
        fields = Fields(node, path, SPAN_KEYS, self._places)
        shapes = [key for key in _SHAPES if fields.has(key)]
        if len(shapes) > 1 or (not shapes and not fields.has("noise")):
            what = f"a span with {' and '.join(shapes) or 'nothing to show'}"
            advice = f"accepted: one of {', '.join(_SHAPES)}, or noise with a mean"
            raise Problem("P012", what, advice, place=fields.place, field=path)
        shape = shapes[0] if shapes else "noise"
        until_s = self._until(fields, required=not is_last or shape == "ramp")
        state = fields.choice("state", MISSING_STATES) if shape == "state" else "ok"
        self._refuse_idle_keys(fields, shape)
        sample = fields.whole("sample", 0, 10**8) if fields.has("sample") else None
        values, every_s = self._shown(fields, shape, spec)
        noise = None
        if fields.has("noise"):
            mean, noise = self._noise(fields, spec, needs_mean=shape == "noise")
            values = values or mean
        return Span(values, until_s, shape == "ramp", every_s, state, sample, noise)

    def _refuse_idle_keys(self, fields: Fields, shape: str) -> None:
        for key, fits in (("every", ("cycle",)), ("noise", ("value", "ramp", "cycle", "noise"))):
            if fields.has(key) and shape not in fits:
                what = f"`{key}` beside `{shape}` says nothing"
                advice = f"accepted: beside {', '.join(fits)}"
                where = self._places.of(fields.at(key))
                raise Problem("P012", what, advice, place=where, field=fields.at(key))

    def _shown(
        self, fields: Fields, shape: str, spec: SignalSpec
    ) -> tuple[tuple[float, ...], float | None]:
        if shape == "value":
            return (self._value(fields.node("value", ""), spec, fields.at("value")),), None
        if shape == "ramp":
            values = self._values(fields, "ramp", spec, most=2)
            if len(values) != 2:
                place = self._places.of(fields.at("ramp"))
                advice = "accepted: two values, like [250ms, 80ms]"
                field = fields.at("ramp")
                raise Problem("P012", "a ramp of one value", advice, place=place, field=field)
            return values, None
        if shape == "cycle":
            values = self._values(fields, "cycle", spec, most=MAX_TURNS)
            fields.node("every", "how long each value lasts, like 10s")
            return values, self._at_least_a_tick(fields, "every")
        return (), None

    def _values(self, fields: Fields, key: str, spec: SignalSpec, most: int) -> tuple[float, ...]:
        path = fields.at(key)
        items = list_of(fields.node(key, ""), path, "[80ms, 250ms]", most)
        return tuple(self._value(each, spec, f"{path}[{i}]") for i, each in enumerate(items))

    def _value(self, node: YamlNode, spec: SignalSpec, path: str) -> float:
        value = quantity_of(node, path, lambda text: value_in(text, spec.unit))
        if spec.maximum is not None and value > spec.maximum:
            what = "is more than the signal can show"
            advice = f"accepted: at most {value_text(spec.maximum, spec.unit)}"
            raise Problem("P012", what, advice, place=node.place, field=path)
        if value < 0.0 and spec.unit in NEVER_NEGATIVE:
            advice = "accepted: 0 or more"
            raise Problem("P012", "is a time below 0", advice, place=node.place, field=path)
        return value

    def _until(self, fields: Fields, *, required: bool) -> float | None:
        if not required and not fields.has("until"):
            return None
        fields.node("until", "a moment, like 60s; only a last span without a ramp goes on")
        return fields.quantity("until", moment_s, "a moment, like 60s")

    def _noise(
        self, fields: Fields, spec: SignalSpec, *, needs_mean: bool
    ) -> tuple[tuple[float, ...], Noise]:
        noise = Fields(fields.node("noise", ""), fields.at("noise"), NOISE_KEYS, self._places)
        if noise.has("mean") != needs_mean:
            what = "is missing" if needs_mean else "stands beside a value that says it already"
            advice = "accepted: a mean, or a value, ramp or cycle beside the noise"
            where = self._places.of(noise.at("mean"))
            raise Problem("P012", what, advice, place=where, field=noise.at("mean"))
        mean: tuple[float, ...] = ()
        if needs_mean:
            mean = (self._value(noise.node("mean", ""), spec, noise.at("mean")),)
        sd = self._value(noise.node("sd", "like 20ms"), spec, noise.at("sd"))
        phi = noise.quantity("phi", _phi, "a number from 0 to below 1, like 0.6")
        seed = noise.whole("seed", 0, 999_999_999)
        every_s = self._at_least_a_tick(noise, "every") if noise.has("every") else self._tick_s
        return mean, Noise(sd, phi, seed, every_s)

    def _at_least_a_tick(self, fields: Fields, key: str) -> float:
        lasts_s = fields.duration_s(key)
        if lasts_s < self._tick_s:
            what = "is shorter than a tick"
            advice = f"accepted: at least {self._tick_s:g}s"
            place = self._places.of(fields.at(key))
            raise Problem("P012", what, advice, place=place, field=fields.at(key))
        return lasts_s

    def _check_rising(
        self, spans: tuple[Span, ...], items: tuple[YamlNode, ...], path: str
    ) -> None:
        before_s = 0.0
        for place, span in enumerate(spans):
            if span.until_s is not None and span.until_s <= before_s:
                what = "ends no later than the span before it"
                advice = "accepted: rising moments"
                field = f"{path}[{place}].until"
                raise Problem("P012", what, advice, place=items[place].place, field=field)
            before_s = span.until_s if span.until_s is not None else before_s


def merged(shared: YamlNode | None, own: YamlNode | None) -> YamlNode | None:
    """The series of a test over those its file shares: its own win, key by key."""
    if not isinstance(shared, YamlMap) or not isinstance(own, YamlMap):
        return own if own is not None else shared
    return YamlMap(
        {**shared.entries, **own.entries},
        {**shared.key_places, **own.key_places},
        own.place,
    )


def _phi(text: str) -> float:
    try:
        phi = float(text)
    except ValueError:
        phi = -1.0
    if not 0.0 <= phi < 1.0:
        raise ValueError(f"is {text!r}; accepted: a number from 0 to below 1, like 0.6")
    return phi
