"""``change(SIGNAL)``: false alarms while nothing changes, and how late a shift is heard.

The null is simulated for 30 days a run: white noise, AR(1) 0.9 and a daily season, a value a minute
as `ctr` has (every 10 s as well where not quick). After an alarm a new day is learnt, as in
service. Beside it stands river's Page-Hinkley at its default, on the same series divided by the
standard deviation it had on the first day, which it needs to be told.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from river import drift
from scipy.signal import lfilter

from benchmarks.figure import Figure
from controller.statistics.daily_level import DAY_S
from controller.statistics.e_detector import EDetector, threshold
from controller.statistics.first_day import LEAST_LOOKS
from controller.statistics.mean_shift import ONE_FALSE_ALARM_PER_S, WEIGHTS, LearntMean
from controller.statistics.rate_bounds import LEAST_TRIALS
from controller.statistics.rate_shift import WEIGHTS as RATE_WEIGHTS
from controller.statistics.rate_shift import LearntRate

SEED = 20_261_125
DAYS = 30
DAYS_AFTER = 5
SEASON_SD = 3.0
CLICK_RATE, FALLEN, SEASON = 0.05, 0.8, 0.3
TRIALS_PER_S = 50
SERIES = ("white noise", "AR(1) 0.9", "white noise, daily season", "AR(1) 0.9, daily season")
Floats = NDArray[np.float64]
Alarms = NDArray[np.int64]


def figures(quick: bool) -> Iterator[Figure]:
    """False alarms and delays of means, then of rates."""
    for step_s in (60.0,) if quick else (60.0, 10.0):
        for name in SERIES:
            yield from _of_mean(name, step_s, _runs(quick, step_s))
    for name in ("clicks", "clicks, daily season"):
        yield from _of_rate(name, 10 if quick else 50)


def _runs(quick: bool, step_s: float) -> int:
    return 40 if quick or step_s < 60.0 else 200


def _of_mean(name: str, step_s: float, runs: int) -> Iterator[Figure]:
    day, after = _looks(step_s), int(DAYS_AFTER * DAY_S / step_s)
    rng = np.random.default_rng(SEED)
    series = _Series(_series(name, runs, day + int(DAYS * DAY_S / step_s), step_s, rng), step_s)
    ours, peers = _mean_alarms(series, day), _of_river(series, day, runs // 4)
    yield _false_alarms(f"change of a mean: {name}, {step_s:.0f} s", ours, peers)
    values = _series(name, runs, day + after, step_s, rng)
    values[:, day:] += 1.0
    series = _Series(values, step_s)
    ours, peers = _mean_alarms(series, day, once=True), _of_river(series, day, runs // 4, once=True)
    yield _delay(f"delay of a 1 sd shift: {name}, {step_s:.0f} s", ours, peers, after)


@dataclass(frozen=True)
class _Series:
    """Values of shape (runs, looks)."""

    values: Floats
    step_s: float

    @property
    def hours(self) -> Floats:
        return _hours(self.values.shape[1], self.step_s)


def _hours(looks: int, step_s: float) -> Floats:
    found: Floats = np.arange(looks, dtype=np.float64) * step_s % DAY_S / 3_600.0
    return found


def _looks(step_s: float) -> int:
    """How many are learnt from."""
    return max(int(DAY_S / step_s), LEAST_LOOKS)


def _series(name: str, runs: int, looks: int, step_s: float, rng: np.random.Generator) -> Floats:
    values: Floats = rng.standard_normal((runs, looks))
    if name.startswith("AR"):
        before = rng.standard_normal((runs, 1))
        values[:, 1:] *= np.sqrt(1 - 0.9**2)
        values = lfilter([1.0], [1.0, -0.9], values, axis=1, zi=0.9 * before)[0]
    if name.endswith("season"):
        values += SEASON_SD * np.sin(2 * np.pi * np.arange(looks) * step_s / DAY_S)
    return values


def _mean_alarms(series: _Series, day: int, *, once: bool = False) -> Alarms:
    """How many each run has; with ``once`` the look of its first, counted from the day's end, and
    -1 where there is none."""
    values, hours = series.values, series.hours
    runs, looks = values.shape
    learnt = _learnt([LearntMean.of(hours[:day], row[:day]) for row in values])
    detector = EDetector(WEIGHTS, threshold(ONE_FALSE_ALARM_PER_S, series.step_s), runs=(runs,))
    count, first = np.zeros(runs, dtype=np.int64), np.full(runs, -1)
    busy_until = np.zeros(runs, dtype=np.int64)
    for at in range(day, looks):
        for run in np.flatnonzero(busy_until == at):
            one = LearntMean.of(hours[at - day : at], values[run, at - day : at])
            for name, array in vars(learnt).items():
                array[run] = getattr(one, name)
            detector.restart(run)
        alarm = detector.step(learnt.log_factors(float(hours[at]), values[:, at]))
        alarm &= busy_until <= at
        if alarm.any():
            count += alarm
            first[alarm & (first < 0)] = at - day + 1
            busy_until[alarm] = at + 1 + day
            if once and (first > 0).all():
                break
    return first if once else count


def _learnt(each: list[LearntMean]) -> LearntMean:
    return LearntMean(*(np.array([getattr(one, name) for one in each]) for name in vars(each[0])))


def _of_river(series: _Series, day: int, runs: int, *, once: bool = False) -> Alarms:
    """The same of Page-Hinkley, which has also seen the first day."""
    found = []
    for row in series.values[:runs]:
        detector: Any = drift.PageHinkley()  # river is not typed
        scaled = ((row - row[:day].mean()) / row[:day].std()).tolist()
        alarms = []
        for at, value in enumerate(scaled):
            detector.update(value)
            if detector.drift_detected and at >= day:
                alarms.append(at - day + 1)
                if once:
                    break
        found.append((alarms[0] if alarms else -1) if once else len(alarms))
    return np.array(found)


def _of_rate(name: str, runs: int) -> Iterator[Figure]:
    step_s = 60.0
    size = int(TRIALS_PER_S * step_s)
    day = max(_looks(step_s), -(-LEAST_TRIALS // size))
    looks = day + int(DAYS * DAY_S / step_s)
    rng = np.random.default_rng(SEED)
    wave = np.sin(2 * np.pi * np.arange(looks) * step_s / DAY_S)
    rate = CLICK_RATE * (1.0 + SEASON * wave * name.endswith("season"))
    hours = _hours(looks, step_s)
    count, first = np.zeros(runs, dtype=np.int64), np.full(runs, -1)
    for run in range(runs):
        clicks = rng.binomial(size, rate).astype(np.float64)
        count[run] = _rate_alarms(hours, clicks, size, day)
        shifted = slice(day, day + int(DAY_S / step_s))
        clicks[shifted] = rng.binomial(size, FALLEN * rate[shifted])
        first[run] = _first_alarm(hours[: shifted.stop], clicks[: shifted.stop], size, day)
    yield _false_alarms(f"change of a rate: {name}, 60 s", count, None)
    yield _delay("delay of 5 to 4 %: " + name + ", 60 s", first, None, int(DAY_S / step_s))


def _rate_alarms(hours: Floats, clicks: Floats, size: int, day: int) -> int:
    found, begin = 0, 0
    while True:
        first = _first_alarm(hours[begin:], clicks[begin:], size, day)
        if first < 0:
            return found
        found, begin = found + 1, begin + day + first
        if begin + day >= hours.size:
            return found


def _first_alarm(hours: Floats, clicks: Floats, size: int, day: int) -> int:
    """Looks after the day that is learnt, or -1."""
    trials = np.full(day, float(size))
    learnt = LearntRate.of(hours[:day], trials, clicks[:day])
    detector = EDetector(RATE_WEIGHTS, threshold(ONE_FALSE_ALARM_PER_S, 60.0))
    factors = learnt.log_factors(hours[day:], np.full(hours.size - day, size), clicks[day:])
    return next((at + 1 for at, step in enumerate(factors) if detector.step(step)), -1)


def _false_alarms(name: str, ours: Alarms, peers: Alarms | None) -> Figure:
    mean = float(ours.mean())
    beside = None if peers is None else float(peers.mean())
    ratio = mean / beside if beside else None
    return Figure(name, mean, "per 30 d", beside, ratio, "at most 1 per 30 d", mean <= 1.0)


def _delay(name: str, ours: Alarms, peers: Alarms | None, longest: int) -> Figure:
    """Medians; what was never heard is as late as it gets."""
    late, beside = _median(ours, longest), None if peers is None else _median(peers, longest)
    ratio = late / beside if beside else None
    return Figure(name, late, "looks", beside, ratio, "no goal", None)


def _median(first: Alarms, longest: int) -> float:
    return float(np.median(np.where(first > 0, first, longest)))
