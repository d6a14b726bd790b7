"""Who sends what: producer ids, sequence numbers, lateness and loss of messages on their way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from controller.settings import Settings
from controller.telemetry.batches import headers_for
from controller.telemetry.schema import OUTCOME, SERVED
from controller.telemetry.slab import SlabPart
from simulator.population.streams import Streams
from simulator.world.conditions import Conditions
from simulator.world.delivery import Delivery
from simulator.world.user_rows import users_in

LINGER_S = 0.25
"""A second's rows are on the bus this much after it."""
_PRODUCERS = {SERVED: "router-{}", OUTCOME: "clicks-{}"}
_ELSE = "fleet"
"""Reports of replicas, models and the pipeline come from one sender."""


class Producers:
    """Sequence numbers count on when a message is lost, so that its gap is seen."""

    def __init__(self, settings: Settings, start_s: float, seed: int) -> None:
        self.lost_batches = 0
        self.lost_users = 0
        """Users' served rows among them."""
        self._settings = settings
        self._start_s = start_s
        self._streams = Streams(seed)
        self._seqs: dict[tuple[str, str, int], int] = defaultdict(int)

    def deliveries(
        self, second: int, messages: Sequence[tuple[str, int, SlabPart]], now: Conditions
    ) -> list[Delivery]:
        """``messages`` are topic, router and rows; ``now`` is what holds at the second's end."""
        due_s = self._start_s + second + LINGER_S + now.telemetry_lag_s
        sent = [self._delivery(*message, due_s) for message in messages]
        if now.telemetry_loss_share <= 0.0:
            return sent
        luck = self._streams.named("telemetry loss", second).random(len(sent))
        kept = []
        for delivery, chance in zip(sent, luck, strict=True):
            if chance >= now.telemetry_loss_share:
                kept.append(delivery)
                continue
            self.lost_batches += 1
            if delivery.topic == SERVED:
                self.lost_users += users_in(delivery.columns)
        return kept

    def _delivery(self, topic: str, router: int, columns: SlabPart, due_s: float) -> Delivery:
        producer = _PRODUCERS.get(topic, _ELSE).format(router)
        partition = router % self._settings.partitions
        key = (producer, topic, partition)
        headers = headers_for(
            producer_id=producer,
            producer_seq=self._seqs[key],
            service=self._settings.service,
            region=self._settings.region,
        )
        self._seqs[key] += 1
        return Delivery(topic, partition, None, headers, columns, due_s)
