"""Who comes when: independent of everything that comes later or beside it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.errors import BadInput
from simulator.population.audience import Audience
from simulator.population.crowd import Crowd
from simulator.population.lanes import BLOCK_US, apart
from simulator.spec import Burst, Traffic, Users, WorldSpec
from simulator.visits import Visits

BLOCKS = 4
SMALL = WorldSpec(
    traffic=Traffic(rate_per_s=5.0, burstiness=0.3, shots_per_day=50.0),
    users=Users(users=60, items=40),
    routers=2,
)
ROOT = Path(__file__).parents[3]
HASHED = """
import hashlib
from simulator.population.audience import Audience
from simulator.spec import Burst, Traffic, Users, WorldSpec
spec = WorldSpec(
    traffic=Traffic(rate_per_s=5.0, burstiness=0.3), users=Users(users=60, items=40)
)
segments, bursts = {"b": "xy", "a": "zw"}, [Burst(30, 60, 2)]
audience = Audience(spec, 3, slate_size=5, segments=segments, bursts=bursts)
digest = hashlib.sha256()
for block in range(3):
    visits = audience.block(block)
    slates = audience.slates(spec.arm("primary"), 0, visits.user, visits.at_us, visits.at_us)
    for name in visits.__slots__:
        digest.update(getattr(visits, name).tobytes())
    chances = audience.chances(visits, slates, 1.0)
    digest.update(slates.tobytes() + chances.tobytes() + audience.delay_us(visits).tobytes())
    digest.update(audience.segment_codes("a").tobytes())
print(digest.hexdigest())
"""


def _audience(*bursts: Burst, spec: WorldSpec = SMALL) -> Audience:
    return Audience(spec, 3, slate_size=5, segments={}, bursts=bursts)


def _blocks(audience: Audience, count: int = BLOCKS) -> list[Visits]:
    return [audience.block(number) for number in range(count)]


def _bytes(visits: Visits) -> str:
    digest = hashlib.sha256()
    for name in Visits.__slots__:
        digest.update(np.ascontiguousarray(getattr(visits, name)).tobytes())
    return digest.hexdigest()


def _only(visits: Visits, rows: np.ndarray) -> Visits:
    return Visits(**{name: getattr(visits, name)[rows] for name in Visits.__slots__})


EARLY = Burst(50.0, 40.0, 3.0)
WITHOUT = _blocks(_audience(EARLY))
BASE = _blocks(_audience())
_bursts = st.builds(
    Burst,
    at_s=st.floats(0.0, 230.0),
    for_s=st.floats(0.0, 100.0),
    factor=st.floats(0.0, 5.0),
    rise_s=st.floats(0.0, 60.0),
    fall_s=st.floats(0.0, 60.0),
)


@given(_bursts)
@settings(max_examples=20, deadline=None)
def test_a_later_burst_changes_no_visit_before_it(burst: Burst) -> None:
    for before, after in zip(WITHOUT, _blocks(_audience(EARLY, burst)), strict=True):
        until = int(burst.at_s * 1_000_000) - 1
        assert _bytes(before.between(0, until)) == _bytes(after.between(0, until))


@given(st.lists(_bursts, max_size=3))
@settings(max_examples=20, deadline=None)
def test_bursts_change_nothing_in_the_base_visits_and_all_numbers_are_unique(
    bursts: list[Burst],
) -> None:
    numbers = []
    for base, visits in zip(BASE, _blocks(_audience(*bursts)), strict=True):
        assert (np.diff(visits.at_us) > 0).all()
        is_base = np.isin(visits.number, base.number)
        assert _bytes(_only(visits, is_base)) == _bytes(base)
        numbers.append(visits.number)
    assert len(np.unique(np.concatenate(numbers))) == sum(map(len, numbers))


def test_a_block_holds_its_minute_and_sound_luck() -> None:
    for number, visits in enumerate(_blocks(_audience(EARLY))):
        assert number * BLOCK_US <= visits.at_us[0] < visits.at_us[-1] < (number + 1) * BLOCK_US
        assert visits.u_click.shape == (len(visits), 5)
        assert set(visits.router.tolist()) == {0, 1}
        assert 0 <= visits.user.min() <= visits.user.max() < 60
        assert 0.0 <= visits.u_error.min() <= visits.u_error.max() < 1.0
        assert 0.3 < visits.u_error.mean() < 0.7 < visits.z_service.std() < 1.3
        assert visits.fatigue.min() >= 0.0


def test_a_burst_brings_its_factor_of_the_mean_rate() -> None:
    flat = replace(SMALL, traffic=Traffic(rate_per_s=50.0))
    burst = Burst(60.0, 120.0, 2.0, rise_s=0.0, fall_s=60.0)
    with_it, without = (_blocks(_audience(*some, spec=flat)) for some in ((burst,), ()))
    extra = [len(after) - len(before) for after, before in zip(with_it, without, strict=True)]
    assert extra[0] == extra[3] == 0
    assert extra[1] == pytest.approx(6_000, rel=0.06)
    assert extra[2] == pytest.approx(3_000, rel=0.1)


def test_two_equal_bursts_are_two_crowds() -> None:
    once, twice = _blocks(_audience(EARLY)), _blocks(_audience(EARLY, EARLY))
    extra = sum(map(len, once)) - sum(map(len, BASE))
    assert sum(map(len, twice)) - sum(map(len, BASE)) > 1.5 * extra
    assert np.isin(once[1].number, twice[1].number).all()


def test_skipped_blocks_change_nothing_and_none_comes_twice() -> None:
    audience = _audience(EARLY)
    assert _bytes(audience.block(2)) == _bytes(WITHOUT[2])
    assert _bytes(audience.block(3)) == _bytes(WITHOUT[3])
    with pytest.raises(ValueError, match="block 3 is over"):
        audience.block(3)


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_another_process_gives_the_same_bytes(hash_seed: str) -> None:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
    told = subprocess.run(
        [sys.executable, "-c", HASHED],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    here: dict[str, str] = {}
    exec(HASHED.replace("print(digest.hexdigest())", "told = digest.hexdigest()"), here)
    assert told.strip() == here["told"]


@given(st.lists(st.integers(0, 12), min_size=1, max_size=12))
def test_equal_times_are_moved_apart_within_the_block(times: list[int]) -> None:
    moved = apart(np.sort(np.array(times)), 13)
    assert (np.diff(moved) > 0).all()
    assert moved[0] >= 0
    assert moved[-1] < 13


def test_sessions_bring_users_back_and_tire_them(audience: Audience, spec: WorldSpec) -> None:
    own = Audience(spec, 7, slate_size=10, segments={})
    visits = [own.block(number) for number in range(10)][-1]
    came = np.bincount(visits.user, minlength=300)
    assert (came > 0).sum() < 150, "few are here at a time"
    assert np.corrcoef(came[visits.user], visits.fatigue)[0, 1] > 0.2
    assert visits.fatigue.max() <= 1.5


def test_segments_are_those_of_the_live_world(audience: Audience) -> None:
    crowd = Crowd(audience.population, 7, {"platform": ("ios", "web")})
    codes = audience.segment_codes("platform")
    told = [("ios", "web")[codes[user]] for user in range(50)]
    assert told == [crowd.segments(user)["platform"] for user in range(50)]


def test_slates_longer_than_the_catalogue_are_refused() -> None:
    with pytest.raises(BadInput, match="there are 40 items"):
        Audience(SMALL, 3, slate_size=41, segments={})
