"""Virtual time jumps, real time goes forward."""

from __future__ import annotations

import threading
import time

import pytest

from controller.adapters.memory_clock import MemoryClock
from controller.adapters.wall_clock import WallClock
from simulator.kernel import Kernel
from simulator.virtual.virtual_clock import VirtualClock


@pytest.fixture(params=["memory", "kernel"])
def virtual_clock(request):
    """At 100 s since 1970."""
    return MemoryClock(100.0) if request.param == "memory" else VirtualClock(Kernel(100.0))


def test_virtual_sleep_is_a_jump(virtual_clock):
    virtual_clock.sleep_until(1e9)
    assert virtual_clock.now_s() == 1e9


def test_virtual_time_never_goes_back(virtual_clock):
    virtual_clock.sleep_until(50.0)
    assert virtual_clock.now_s() == 100.0
    virtual_clock.sleep_until(101.0)
    assert virtual_clock.now_s() == 101.0


def test_the_world_lives_while_the_controller_sleeps():
    kernel, lived = Kernel(100.0), []
    kernel.at(103.0, lambda: lived.append(kernel.now_s))
    VirtualClock(kernel).sleep_until(110.0)
    assert lived == [103.0]


def test_wall_time_is_since_1970_and_sleeping_passes_it():
    clock = WallClock()
    assert abs(clock.now_s() - time.time()) < 60.0
    until_s = clock.now_s() + 0.02
    clock.sleep_until(until_s)
    assert clock.now_s() >= until_s


def test_wall_time_does_not_go_back_when_the_machine_is_set_back(monkeypatch):
    clock = WallClock()
    before_s = clock.now_s()
    monkeypatch.setattr(time, "time", lambda: before_s - 3_600.0)
    assert clock.now_s() >= before_s


def test_wall_time_follows_a_machine_that_is_set_forward(monkeypatch):
    clock = WallClock()
    later_s = clock.now_s() + 3_600.0
    monkeypatch.setattr(time, "time", lambda: later_s)
    assert clock.now_s() >= later_s


def test_a_sleep_can_be_woken():
    clock = WallClock()
    sleeper = threading.Thread(target=clock.sleep_until, args=(clock.now_s() + 3_600.0,))
    sleeper.start()
    clock.wake()
    sleeper.join(30.0)
    assert not sleeper.is_alive()
