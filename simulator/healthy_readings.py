"""Weeks of a healthy service at the level of readings: no request is served, only counted.

What a week is made of: users who come by day (peak over trough 2.3) and in bursts, a holiday now
and then, a primary that is a little slower and fails a little more when it is busy, pauses, a
pipeline that writes every few seconds, people who click. Readings are made of counts over windows
that overlap as the monitors' do, so that neighbouring ones depend on each other. A quarter of an
hour of a week costs about a millisecond, so that hundreds of weeks can be looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from controller.calibration.healthy import HealthyPeriod
from controller.core.readings import SignalKey

Numbers = NDArray[np.float64]
WEEK_S = 604_800
DAY_S = 86_400
LEAST_REQUESTS = 20
LOOK_EVERY_S = 10
ALARM_LASTS_S = 600.0
"""Of the detector against the control: evidence drains within its window of clicks."""
FALSE_DRIFT_LASTS_S = 14.0
"""Measured: five in 60 days, of 10 to 30 s."""


@dataclass(frozen=True, slots=True)
class HealthyService:
    """Means of a healthy service. Shares 0 to 1; ``holiday_chance`` is per day."""

    rate_per_s: float = 50.0
    day_ratio: float = 2.3
    burstiness: float = 0.2
    holiday_chance: float = 0.1
    holiday_factor: float = 1.5
    latency_ms: float = 20.0
    latency_spread: float = 0.3
    bad_share: float = 0.004
    pauses_per_day: float = 6.0
    pause_s: float = 2.0
    ctr: float = 0.05
    feature_every_s: float = 5.0
    control_share: float = 0.02
    """Of requests, to the fallback; all others are the primary's."""
    default_share: float = 0.003
    unknown_share: float = 0.05
    """Of requests by users of whom a feature group knows nothing yet."""
    hit_share: float = 0.3
    cost_per_1000: float = 0.05
    queued_s: float = 0.003
    busy_share: float = 0.12
    """Of the primary's processors, at the mean rate."""
    false_actions_per_s: float = 1.0 / (60 * 86_400)
    """What detectors whose rate of false alarms is a setting err at: the default of 1 per 60 d."""
    false_drift_per_day: float = 0.2
    """Measured, where the setting allows one a day."""


class HealthyReadings:
    """``week`` after ``week`` by one stream of random numbers: the same seed, the same weeks."""

    def __init__(self, service: HealthyService, seed: int) -> None:
        self._service = service
        self._random = np.random.default_rng(seed)

    def week(self, keys: Iterable[SignalKey], length: int = WEEK_S) -> HealthyPeriod:
        """The readings of these keys, second by second. Raise KeyError for one it cannot make."""
        keys = tuple(keys)
        for key in keys:
            if key.name not in _MADE:
                raise KeyError(f"{key}: accepted: {', '.join(_MADE)}")
        second = _Second.of(self._service, length, self._random)
        series = {key: _MADE[key.name](second, key).astype(np.float32) for key in keys}
        return HealthyPeriod.unbroken(series, length)


@dataclass(frozen=True, slots=True)
class _Second:
    """What every second of a week was like; arrays of its length."""

    service: HealthyService
    random: np.random.Generator
    load: Numbers
    """Of the mean rate."""
    requests: Numbers
    paused: Numbers
    """How much longer answers take, in log units."""

    @classmethod
    def of(cls, service: HealthyService, length: int, random: np.random.Generator) -> _Second:
        swing = (service.day_ratio - 1.0) / (service.day_ratio + 1.0)
        by_day = 1.0 + swing * np.sin(2 * np.pi * np.arange(length) / DAY_S)
        bursts = np.exp(service.burstiness * _wander(random, length, minutes=5.0))
        days = -(-length // DAY_S)
        holiday = np.where(random.random(days) < service.holiday_chance, service.holiday_factor, 1)
        load = by_day * bursts * np.repeat(holiday, DAY_S)[:length]
        requests = random.poisson(service.rate_per_s * load).astype(np.float64)
        return cls(service, random, load, requests, _pauses(service, length, random))


def _wander(random: np.random.Generator, length: int, minutes: float) -> Numbers:
    """A standard AR(1) whose memory is so long, made by the minute and drawn through."""
    points = length // 60 + 2
    keep = float(np.exp(-1.0 / minutes))
    noise = random.standard_normal(points) * np.sqrt(1.0 - keep * keep)
    path = np.empty(points)
    path[0] = random.standard_normal()
    for n in range(1, points):
        path[n] = keep * path[n - 1] + noise[n]
    found: Numbers = np.interp(np.arange(length) / 60.0, np.arange(points), path)
    return found


def _pauses(service: HealthyService, length: int, random: np.random.Generator) -> Numbers:
    """Garbage collections and the like: short, of exponential length and height."""
    found = np.zeros(length)
    count = random.poisson(service.pauses_per_day * length / DAY_S)
    starts = random.integers(0, length, count)
    lengths = 1 + random.exponential(service.pause_s, count).astype(int)
    heights = random.exponential(0.5, count)
    for start, lasts, height in zip(starts, lengths, heights, strict=True):
        found[start : start + lasts] = np.maximum(found[start : start + lasts], height)
    return found


def _over(values: Numbers, window_s: float) -> Numbers:
    """The sum over the window that ends with each second; the first ones are short."""
    width = max(1, round(window_s))
    upto = np.cumsum(values)
    upto[width:] -= upto[:-width].copy()
    return upto


def _enough(values: Numbers, sample: Numbers, least: float = LEAST_REQUESTS) -> Numbers:
    return np.where(sample >= least, values, np.nan)


def _bad_share(second: _Second, key: SignalKey) -> Numbers:
    """The fallback answers from memory: it is neither busy nor paused."""
    service = second.service
    if dict(key.labels).get("arm") == "fallback":
        few = second.random.binomial(second.requests.astype(np.int64), service.control_share)
        return _share(second, key, service.bad_share, few)
    share = service.bad_share * np.exp(0.5 * (second.load - 1.0) + second.paused)
    return _share(second, key, np.minimum(share, 1.0), second.requests.astype(np.int64))


def _share(
    second: _Second, key: SignalKey, chance: Numbers | float, trials: NDArray[np.int64]
) -> Numbers:
    found = second.random.binomial(trials, chance)
    sample = _over(trials.astype(np.float64), key.window_s)
    return _enough(_over(found.astype(np.float64), key.window_s) / np.maximum(sample, 1.0), sample)


def _of_requests(chance: Callable[[HealthyService], float]) -> Callable[..., Numbers]:
    def made(second: _Second, key: SignalKey) -> Numbers:
        return _share(second, key, chance(second.service), second.requests.astype(np.int64))

    return made


def _cost(second: _Second, key: SignalKey) -> Numbers:
    """Processors cost more by the request when they are busy; nothing else is paid."""
    service = second.service
    each = service.cost_per_1000 * np.exp(0.1 * (second.load - 1.0) + 0.2 * second.paused)
    sample = _over(second.requests, key.window_s)
    return _enough(_over(each * second.requests, key.window_s) / np.maximum(sample, 1.0), sample)


def _queued(second: _Second, key: SignalKey) -> Numbers:  # noqa: ARG001
    """How long the oldest waits when replicas report."""
    mean_s = second.service.queued_s * np.exp(second.load - 1.0 + 2.0 * second.paused)
    return second.random.exponential(mean_s)


def _cpu(second: _Second, key: SignalKey) -> Numbers:  # noqa: ARG001
    service = second.service
    busy = service.busy_share * second.requests / service.rate_per_s
    share: Numbers = np.minimum(1.0, busy * np.exp(second.paused))
    return share


def _head_room(second: _Second, key: SignalKey) -> Numbers:
    service, width_s = second.service, max(1.0, key.window_s)
    rate_per_s = _over(second.requests, key.window_s) / width_s
    left: Numbers = np.maximum(0.0, 1.0 - service.busy_share * rate_per_s / service.rate_per_s)
    return left


def _queue(second: _Second, key: SignalKey) -> Numbers:  # noqa: ARG001
    """By Little's law: what is under way when replicas report."""
    service = second.service
    latency_s = service.latency_ms / 1_000.0 * np.exp(second.paused)
    under_way = second.random.poisson(service.rate_per_s * second.load * latency_s)
    return np.asarray(under_way, dtype=np.float64)


def _slow_ones(second: _Second, key: SignalKey) -> Numbers:  # noqa: ARG001
    """A pause is one replica's."""
    return np.asarray(second.paused > np.log(3.0), dtype=np.float64)


def _rarity(second: _Second, key: SignalKey) -> Numbers:  # noqa: ARG001
    """A calibrated scorer's rates are uniform over its looks, which are taken as independent."""
    looks = second.random.random(second.load.size // LOOK_EVERY_S + 1) / LOOK_EVERY_S
    return np.repeat(looks, LOOK_EVERY_S)[: second.load.size]


def _alarms(second: _Second, per_s: float, lasts_s: float) -> Numbers:
    """1 while an alarm stands that is false, of exponential length."""
    found = np.zeros(second.load.size)
    starts = np.flatnonzero(second.random.random(second.load.size) < per_s)
    for start, lasts in zip(starts, second.random.exponential(lasts_s, starts.size), strict=True):
        found[start : start + 1 + int(lasts)] = 1.0
    return found


def _below_control(second: _Second, key: SignalKey) -> Numbers:  # noqa: ARG001
    return _alarms(second, second.service.false_actions_per_s, ALARM_LASTS_S)


def _shifted(second: _Second, key: SignalKey) -> Numbers:  # noqa: ARG001
    return _alarms(second, second.service.false_drift_per_day / DAY_S, FALSE_DRIFT_LASTS_S)


def _latency_p95(second: _Second, key: SignalKey) -> Numbers:
    return _latency(second, key, 0.95, 1.645)


def _latency_p99(second: _Second, key: SignalKey) -> Numbers:
    return _latency(second, key, 0.99, 2.326)


def _latency(second: _Second, key: SignalKey, quantile: float, level: float) -> Numbers:
    """The true quantile, and the error of a sample's: its density there, once per second."""
    service = second.service
    density = np.exp(-level * level / 2.0) / np.sqrt(2.0 * np.pi)
    true = level * service.latency_spread + 0.15 * (second.load - 1.0) + second.paused
    error = service.latency_spread * np.sqrt(quantile * (1.0 - quantile)) / density
    noise = second.random.standard_normal(true.size) * np.sqrt(second.requests) * error
    sample = _over(second.requests, key.window_s)
    shown = _over(true * second.requests + noise, key.window_s) / np.maximum(sample, 1.0)
    return _enough(service.latency_ms * np.exp(shown), sample)


def _request_rate(second: _Second, key: SignalKey) -> Numbers:
    return _over(second.requests, key.window_s) / max(1.0, key.window_s)


def _silence(second: _Second, key: SignalKey) -> Numbers:  # noqa: ARG001
    """Seconds since anybody clicked."""
    clicks = second.random.binomial(second.requests.astype(np.int64), second.service.ctr)
    at = np.arange(clicks.size)
    last = np.maximum.accumulate(np.where(clicks > 0, at, 0))
    return (at - last).astype(np.float64)


def _feature_age(second: _Second, key: SignalKey) -> Numbers:
    """A saw of the pipeline's writes, with now and then a late one."""
    every_s = second.service.feature_every_s
    gaps = every_s * second.random.lognormal(0.0, 0.3, round(second.load.size / every_s * 1.5) + 9)
    written = np.cumsum(gaps)
    at = np.arange(second.load.size, dtype=np.float64)
    newest = np.searchsorted(written, at, side="right") - 1
    age = np.where(newest >= 0, at - written[np.maximum(newest, 0)], at)
    return _enough(age, _over(second.requests, key.window_s))


_MADE: dict[str, Callable[[_Second, SignalKey], Numbers]] = {
    "arm_bad": _bad_share,
    "arm_latency_ms.p95": _latency_p95,
    "latency_ms.p95": _latency_p95,
    "request_rate_per_s": _request_rate,
    "source.silent_s": _silence,
    "feature_age_s.p95": _feature_age,
    "drift.shifted_features": _shifted,
    "arm_latency_ms.p99": _latency_p99,
    "default_rate": _of_requests(lambda service: service.default_share),
    "not_found_rate": _of_requests(lambda service: service.unknown_share),
    "cache_hit_rate": _of_requests(lambda service: service.hit_share),
    "cost_per_1000": _cost,
    "oldest_queued_s": _queued,
    "arm_cpu_share": _cpu,
    "head_room": _head_room,
    "queue_depth": _queue,
    "slow_replicas": _slow_ones,
    "ctr.below_control": _below_control,
    "anomaly(confidence.margin_p50)": _rarity,
}
