"""Exchanges kept as spans come back as if each had been cut out by itself."""

from __future__ import annotations

from simulator.report.exchanges import Exchange, Exchanges
from simulator.world.told_exchanges import ToldExchanges


def table(first: int) -> Exchanges:
    return Exchanges.of(
        [Exchange(number, float(number), True) for number in range(first, first + 10)]
    )


def test_spans_come_back_once_and_in_order() -> None:
    told, one, two = ToldExchanges(), table(0), table(100)
    for whole, start, end in ((one, 0, 3), (one, 3, 3), (one, 3, 7), (two, 2, 5), (two, 8, 9)):
        told.add(whole, start, end)
    assert told.take().number.tolist() == [*range(7), 102, 103, 104, 108]
    assert len(told.take()) == 0
    told.add(two, 9, 10)
    assert told.take().number.tolist() == [109]
