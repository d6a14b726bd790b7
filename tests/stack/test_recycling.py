"""A broker that outgrew its limit is restarted empty, and its memory is given back."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.adapters.kafka_bus import KafkaBusWriter
from controller.telemetry.schema import SERVED
from selfright.broker_recycling import BrokerRecycling
from selfright.stack.broker import EmbeddedBroker
from selfright.supervisor import Supervisor

pytestmark = pytest.mark.live
LIMIT_MB = 60.0
PAYLOAD = b"\x00" * 500_000


def test_a_broker_beyond_its_limit_comes_back_small_at_the_same_address(tmp_path: Path) -> None:
    broker = EmbeddedBroker(tmp_path)
    now_s = [0.0]
    said: list[str] = []
    supervisor = Supervisor(
        data_dir=tmp_path, now_s=lambda: now_s[0], sleep_s=lambda s: None, say=said.append
    )
    try:
        supervisor.start([broker], lambda: False)
        address = broker.bootstrap
        writer = KafkaBusWriter(address)
        recycling = BrokerRecycling(tmp_path, LIMIT_MB)
        assert recycling.due(broker.memory_mb(), 0.0) == ""
        for _ in range(300):
            assert writer.send(SERVED, PAYLOAD, headers={}, partition=0)
            assert writer.flush(30.0)
            # No reader has said that it caught up: it is waited for up to twice the limit.
            if why := recycling.due(broker.memory_mb(), now_s[0]):
                break
            now_s[0] += 10.0
        writer.close()
        grown_mb = broker.memory_mb()
        assert grown_mb > 2 * LIMIT_MB
        supervisor.restart("broker", why)
        assert broker.bootstrap == address
        assert broker.memory_mb() < LIMIT_MB
        assert f"restarting broker: it holds {grown_mb:.0f} MB" in " ".join(said)
    finally:
        supervisor.stop()
