"""The twelve actions: one reader each, from the YAML mapping under the action's name.

Checks shape and ranges only; whether arms exist and moves make sense is the linter's question.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Literal, cast

from controller.core.playbook import (
    Action,
    CacheTtl,
    Evaluate,
    Freeze,
    Notify,
    PrewarmCache,
    Promote,
    Retrain,
    Revert,
    Route,
    Scale,
    Shed,
    Webhook,
)
from controller.language import quantities
from controller.language.action_fields import (
    ACTION_FIELDS,
    MAX_BODY,
    MAX_CACHE_TTL_S,
    MAX_DATA_S,
    MAX_REPLICAS,
    MAX_SEGMENTS,
    MAX_STAGES,
    RETURN_EXAMPLE,
    RETURN_FIELDS,
    THEN,
    URL,
    VERSION,
)
from controller.language.fields import (
    NAME,
    VARIABLE_OR_NAME,
    Fields,
    Places,
    list_of,
    quantity_of,
)
from controller.language.findings import Problem
from controller.language.yaml_text import YamlMap, YamlNode

ARM = "the name of an arm"
ARM_OR_VARIABLE = "the name of an arm, or $arm"
_LAST = re.compile(r"last\s+(\S+)")


def read_action(name: str, node: YamlNode, path: str, places: Places) -> Action:
    """Raise Problem. ``name`` is one of ``ACTION_READERS``."""
    return ACTION_READERS[name](node, path, places)


def _fields(action: str, node: YamlNode, path: str, places: Places) -> Fields:
    return Fields(node, path, tuple(ACTION_FIELDS[action]), places)


def _route(node: YamlNode, path: str, places: Places) -> Route:
    fields = _fields("route", node, path, places)
    share = fields.share("share")
    if share == 0.0:
        raise Problem(
            "P012",
            "is 0%, which moves nothing",
            "accepted: above 0%",
            place=places.of(fields.at("share")),
            field=fields.at("share"),
        )
    returns, every_s = _returns(fields, places)
    return Route(
        source=fields.matching("from", NAME, ARM),
        target=fields.matching("to", NAME, ARM),
        share=share,
        returns=returns,
        every_s=every_s,
        where=fields.texts("where", most=MAX_SEGMENTS),
        expires_s=fields.duration_s("expires") if fields.has("expires") else None,
    )


def _returns(fields: Fields, places: Places) -> tuple[tuple[float, ...], float]:
    """``return: [10%, 50%, 100%]`` or ``{stages: [...], every: 30s}``."""
    default = Route("", "", 1.0)
    if not fields.has("return"):
        return default.returns, default.every_s
    node, path, every_s = fields.node("return", RETURN_EXAMPLE), fields.at("return"), None
    if isinstance(node, YamlMap):
        staged = Fields(node, path, RETURN_FIELDS, places)
        node, path = staged.node("stages", RETURN_EXAMPLE), staged.at("stages")
        every_s = staged.duration_s("every")
    items = list_of(node, path, RETURN_EXAMPLE, MAX_STAGES)
    stages = tuple(
        quantity_of(item, f"{path}[{i}]", quantities.share) for i, item in enumerate(items)
    )
    rising = all(low < high for low, high in zip((0.0, *stages), stages, strict=False))
    if not rising or stages[-1] != 1.0:
        what = "the stages do not rise to 100%"
        advice = f"accepted: rising shares that end with 100%, like {RETURN_EXAMPLE}"
        raise Problem("P012", what, advice, place=node.place, field=path)
    if every_s is not None and every_s < 1.0:
        what = f"stages of {quantities.duration_text(every_s)} are shorter than a tick"
        raise Problem("P012", what, "accepted: at least 1s", place=node.place, field=path)
    return stages, every_s if every_s is not None else default.every_s


def _retrain(node: YamlNode, path: str, places: Places) -> Retrain:
    fields = _fields("retrain", node, path, places)
    then = fields.choice("then", THEN) if fields.has("then") else "nothing"
    return Retrain(
        arm=fields.matching("arm", VARIABLE_OR_NAME, ARM_OR_VARIABLE),
        data_s=fields.quantity("data", _last_s, "last DURATION, like last 24h"),
        then=cast('Literal["evaluate", "nothing"]', then),
    )


def _last_s(text: str) -> float:
    match = _LAST.fullmatch(text.strip())
    try:
        span_s = quantities.duration_s(match[1] if match else "")
    except ValueError:
        message = f"{text!r} is not a span of data; accepted: last DURATION, like last 24h"
        raise ValueError(message) from None
    if span_s > MAX_DATA_S:
        most = quantities.duration_text(MAX_DATA_S)
        raise ValueError(f"{text!r} reaches too far back; accepted: at most last {most}")
    return span_s


def _evaluate(node: YamlNode, path: str, places: Places) -> Evaluate:
    fields = _fields("evaluate", node, path, places)
    candidate = _version(fields, "candidate") if fields.has("candidate") else None
    return Evaluate(
        arm=fields.matching("arm", VARIABLE_OR_NAME, ARM_OR_VARIABLE), candidate=candidate
    )


def _promote(node: YamlNode, path: str, places: Places) -> Promote:
    fields = _fields("promote", node, path, places)
    if fields.has("arm"):
        if fields.has("version") or fields.has("into"):
            what = "`arm` stands beside `version` or `into`"
            advice = "accepted: {version, into} or {arm}"
            raise Problem("P012", what, advice, place=fields.place, field=path)
        return Promote(arm=fields.matching("arm", VARIABLE_OR_NAME, ARM_OR_VARIABLE))
    return Promote(
        version=_version(fields, "version"),
        into=fields.matching("into", VARIABLE_OR_NAME, ARM_OR_VARIABLE),
    )


def _version(fields: Fields, key: str) -> str:
    return fields.matching(key, VERSION, "a registered version, of letters, digits, - _ .")


def _revert(node: YamlNode, path: str, places: Places) -> Revert:
    return Revert(
        arm=_fields("revert", node, path, places).matching("arm", VARIABLE_OR_NAME, ARM_OR_VARIABLE)
    )


def _prewarm_cache(node: YamlNode, path: str, places: Places) -> PrewarmCache:
    fields = _fields("prewarm_cache", node, path, places)
    return PrewarmCache(arm=fields.matching("arm", VARIABLE_OR_NAME, ARM_OR_VARIABLE))


def _cache_ttl(node: YamlNode, path: str, places: Places) -> CacheTtl:
    fields = _fields("cache_ttl", node, path, places)
    return CacheTtl(ttl_s=fields.duration_s("ttl", MAX_CACHE_TTL_S))


def _scale(node: YamlNode, path: str, places: Places) -> Scale:
    fields = _fields("scale", node, path, places)
    return Scale(
        arm=fields.matching("arm", VARIABLE_OR_NAME, ARM_OR_VARIABLE),
        replicas=fields.whole("replicas", 1, MAX_REPLICAS),
    )


def _shed(node: YamlNode, path: str, places: Places) -> Shed:
    fields = _fields("shed", node, path, places)
    share = fields.share("share")
    if not 0.0 < share < 1.0:
        what = f"is {quantities.share_text(share)}"
        advice = "accepted: above 0% and below 100%"
        where = fields.at("share")
        raise Problem("P012", what, advice, place=places.of(where), field=where)
    return Shed(share=share)


def _freeze(node: YamlNode, path: str, places: Places) -> Freeze:
    fields = _fields("freeze", node, path, places)
    return Freeze(
        what=fields.matching("what", NAME, "all, promotions, or the name of a playbook"),
        until_s=fields.duration_s("for") if fields.has("for") else None,
    )


def _notify(node: YamlNode, path: str, places: Places) -> Notify:
    fields = _fields("notify", node, path, places)
    message = fields.text("message", "a sentence") if fields.has("message") else ""
    return Notify(fields.matching("channel", NAME, "the name of a channel, like oncall"), message)


def _webhook(node: YamlNode, path: str, places: Places) -> Webhook:
    fields = _fields("webhook", node, path, places)
    url = fields.matching("url", URL, "an http or https address without user or password")
    return Webhook(url, fields.texts("body", most=MAX_BODY))


ACTION_READERS: Mapping[str, Callable[[YamlNode, str, Places], Action]] = {
    "route": _route,
    "retrain": _retrain,
    "evaluate": _evaluate,
    "promote": _promote,
    "revert": _revert,
    "prewarm_cache": _prewarm_cache,
    "cache_ttl": _cache_ttl,
    "scale": _scale,
    "shed": _shed,
    "freeze": _freeze,
    "notify": _notify,
    "webhook": _webhook,
}
"""Action name to its reader; the order is that of the README."""
