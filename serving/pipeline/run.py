"""The pipeline process: connects everything, turns until SIGTERM, stops clean."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
import uuid
from pathlib import Path

import redis

from controller.adapters.kafka_bus import KafkaBusReader, KafkaBusWriter
from controller.adapters.redis_connection import REDIS_ERRORS, connect, world_error
from controller.errors import Rejected
from controller.ports import Partition
from controller.settings import REDIS_PASSWORD_ENV, Settings
from controller.telemetry.ledger import Ledger
from controller.telemetry.schema import OUTCOME, SERVED
from models.bootstrap import INTERACTIONS
from models.interactions import read_interactions
from serving.features import FeatureWriter
from serving.pipeline.feature_faults import FaultFile
from serving.pipeline.feature_state import FeatureState
from serving.pipeline.feature_sync import FeatureSync
from serving.pipeline.joiner import Click, Joiner
from serving.pipeline.lag_file import LagFile
from serving.pipeline.loop import Pipeline, Timing
from serving.pipeline.parts import Parts
from serving.pipeline.producer import RowProducer
from serving.pipeline.ready import say_ready
from serving.pipeline.snapshot import BadSnapshot, Memory, load

LOG = logging.getLogger(__name__)
REDIS_TIMEOUT_S = 1.0
SEED_S = 30 * 86_400.0
"""How far back interactions fill the features of a pipeline that remembers nothing."""


def main(settings: Settings) -> int:
    """Run until SIGTERM or SIGINT. 0: stopped clean; 2: Redis refuses the password."""
    stopping: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda signum, _frame: stopping.append(signum))
    client = connect(settings.endpoints.redis, os.environ.get(REDIS_PASSWORD_ENV), REDIS_TIMEOUT_S)
    if not _is_admitted(client, settings.endpoints.redis):
        return 2
    now_s = time.time()
    snapshot_path = settings.data_dir / "snapshots" / "pipeline.arrow"
    memory = remember(snapshot_path, settings, now_s)
    partitions: list[Partition] = [
        (topic, partition)
        for topic in (SERVED, OUTCOME)
        for partition in range(settings.partitions)
    ]
    reader = KafkaBusReader(
        settings.endpoints.kafka,
        partitions,
        memory.positions,
        topic_partitions=settings.partitions,
    )
    writer = KafkaBusWriter(settings.endpoints.kafka, partitions=settings.partitions)
    producer_id = f"pipeline-{uuid.uuid4().hex[:12]}"
    pipeline = Pipeline(
        bus=reader,
        memory=memory,
        parts=Parts(settings.data_dir / INTERACTIONS, memory.run, memory.next_part),
        sync=FeatureSync(memory.features, FeatureWriter(client, settings.service, producer_id)),
        producer=RowProducer(
            writer, producer_id=producer_id, service=settings.service, region=settings.region
        ),
        faults=FaultFile(settings.data_dir / "faults.json" if settings.faults_enabled else None),
        snapshot_path=snapshot_path,
        timing=Timing(settings.attribution_window_s, settings.retention.interactions_s),
        now_s=now_s,
    )
    ready = say_ready(settings.data_dir, "pipeline")
    try:
        lag_file = LagFile(settings.data_dir)
        while not stopping:
            pipeline.turn(time.time())
            lag_file.write(pipeline.lag_s(time.time()), time.time())
        pipeline.stop()
    finally:
        ready.unlink(missing_ok=True)
        reader.close()
        writer.close()
    LOG.info("stopped: %s", pipeline.report())
    return 0


def remember(path: Path, settings: Settings, now_s: float) -> Memory:
    """The snapshot's memory; without a usable one, features filled from past interactions."""
    try:
        memory = load(path, settings.attribution_window_s)
        if memory is not None:
            memory.features.everything_is_dirty()
            return memory
    except BadSnapshot as error:
        LOG.error("%s; starting without it", error)
        path.replace(path.with_suffix(".broken"))
    features = FeatureState()
    seed_features(features, settings.data_dir / INTERACTIONS, now_s)
    joiner = Joiner(settings.attribution_window_s)
    return Memory(uuid.uuid4().hex[:12], 0, 0.0, {}, Ledger(), joiner, features)


def seed_features(features: FeatureState, interactions: Path, now_s: float) -> None:
    """Recent items and the hour's counters as if the pipeline had been there."""
    table = read_interactions(interactions, now_s - SEED_S, now_s)
    features.learn_items(table["item_id"].unique().to_pylist())
    clicked = table.filter(table["clicked"]).select(["user_id", "item_id", "at_s"])
    features.add(Click(**row) for row in clicked.to_pylist())


def _is_admitted(client: redis.Redis, url: str) -> bool:
    """False when the password is wrong; a Redis that is not there may come later."""
    try:
        client.ping()
    except REDIS_ERRORS as error:
        known = world_error(error, url)
        if isinstance(known, Rejected):
            print(known, file=sys.stderr)
            return False
        LOG.warning("%s; going on without it", known)
    return True
