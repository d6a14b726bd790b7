"""Tallies are exact however batches are split, ordered, merged and restored."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.monitors.counting.batch_view import BatchView
from controller.monitors.layers import MONITORS
from controller.monitors.monitor import Monitor
from controller.monitors.monitor_set import MonitorSet
from controller.monitors.sources import SourceTally
from controller.settings import Settings
from controller.telemetry.rows import batch_from_rows
from controller.telemetry.schema import MODEL, OUTCOME, REPLICA, SERVED
from tests.monitors.telemetry_rows import T0, Watch, attempt, batch_of, click, router, served

SETTINGS = Settings(attribution_window_s=10.0)
RESULTS = ("ok", "late", "error", "cancelled", "skipped")
REFERENCE = {
    "at_s": T0 - 60.0,
    "version": "v1",
    "arm": "primary",
    "status": "serving",
    "sha256": "ab",
    "reference": [
        {
            "feature": "clicks",
            "edges": [float(n) for n in range(1, 16)],
            "counts": [4_000] * 16,
            "null_count": 5,
        }
    ],
}


def random_rows(seed: int) -> dict[str, list[dict[str, Any]]]:
    """A few dozen events of every kind, clicked by chance, from two partitions' worth of time."""
    generator = random.Random(seed)
    requests, clicks, reports = [], [], []
    for _ in range(generator.randrange(1, 40)):
        arm = generator.choice(["primary", "fallback", "challenger"])
        tries = [
            attempt(arm, generator.uniform(0, 300), generator.choice(RESULTS), reason)
            for reason in generator.choices(["", "breaker_open", "cache_hit"], k=2)
        ]
        row = served(
            T0 + generator.uniform(0, 20),
            arm=arm,
            request_id=generator.randbytes(16),
            role=generator.choice(["user", "user", "probe", "shadow"]),
            bot=generator.random() < 0.2,
            outcome=generator.choice(["ok", "late", "error", "shed", "invalid"]),
            served_by=generator.choice([arm, "fallback", None]),
            attempts=tries,
            cache=generator.choice(["hit", "miss", "bypass"]),
            latency_ms=generator.uniform(0.01, 400.0),
            feature_ages=[{"group": "user_recent", "age_s": generator.uniform(0, 100)}],
            defaulted=generator.choice([[], ["item_hour"], ["user_recent"], None]),
            propensities=generator.choice(
                [None, [{"arm": "primary", "chance": 0.98}, {"arm": "fallback", "chance": 0.02}]]
            ),
            not_found=generator.choice([[], ["item_hour"], ["user_recent"], None]),
            product_feature_id=generator.choice(["home", "detail", None]),
            cpu_ms=generator.choice([None, generator.uniform(0, 9)]),
            memory_mb_s=generator.uniform(-1, 9),
            inputs=generator.choice(
                [None, [{"feature": "clicks", "value": generator.uniform(0, 20)}]]
            ),
        )
        row |= {
            "top_score": generator.choice([None, generator.gauss(0.0, 2.0)]),
            "margin": generator.random(),
            "entropy": generator.random(),
            "slate": [{"item_id": f"i{generator.randrange(50)}", "position": 0}],
            "slate_diversity": generator.choice([None, generator.uniform(0.0, 2.0)]),
            "contributions": [{"feature": "clicks", "value": generator.gauss(0.0, 1.0)}],
        }
        requests.append(row)
        if generator.random() < 0.4:
            clicks.append(click(row, generator.uniform(-1, 12), top_score=row["top_score"]))
        name, kind = generator.choice([("r1", "router"), ("r2", "router"), ("a1", "arm")])
        reports.append(
            router(T0 + generator.randrange(20), replica_id=name, kind=kind, arm=arm)
            | {"queue_depth": generator.randrange(9), "oldest_queued_s": generator.random()}
            | {"cpu_share": generator.uniform(-0.1, 2.0), "memory_mb": generator.uniform(0, 900)}
        )
    return {SERVED: requests, OUTCOME: clicks, REPLICA: reports, MODEL: []}


def new_tally(monitor: Monitor) -> Any:
    """Of drift, one that knows its reference: that much must come first."""
    tally = monitor.tally(SETTINGS)
    if MODEL in monitor.topics:
        tally.update(BatchView(MODEL, 0, batch_from_rows(MODEL, [REFERENCE])))
    return tally


def views(rows: dict[str, list[dict[str, Any]]], topics: tuple[str, ...], generator):
    """The rows cut into batches, in random order."""
    batches = []
    for topic in topics:
        mine = list(rows[topic])
        generator.shuffle(mine)
        while mine:
            size = generator.randrange(1, 9)
            batches.append(BatchView(topic, 0, batch_from_rows(topic, mine[:size])))
            mine = mine[size:]
    generator.shuffle(batches)
    return batches


def content(tally: Any) -> dict[str, Any]:
    """All that a tally holds, in an order of its own making.

    Arrays that say together what one thing is are put together; the rest is what it is. Of a
    series whose counts add up to nothing, it does not matter whether it is there.
    """
    arrays = tally.snapshot()
    found: dict[str, Any] = {}
    for name, array in arrays.items():
        part = name.rpartition("/")[0]
        if name.endswith("counts") and array.ndim == 2 and array.shape[0] == 4:
            names = arrays[f"{part}/names" if part else "names"]
            found[name] = sorted((str(names[place]), *rest) for place, *rest in array.T.tolist())
        elif name.endswith("/at") and array.ndim == 2:
            names, ids = arrays[f"{part}/names"], arrays[f"{part}/ids"]
            found[name] = sorted(
                (str(names[place]), second, row.tobytes())
                for (place, second), row in zip(array.tolist(), ids, strict=True)
            )
        elif name.endswith("/tables") and f"{part}/steps" in arrays:  # dense, by step
            steps = arrays[f"{part}/steps"].tolist()
            found[name] = sorted(zip(steps, (each.tolist() for each in array), strict=True))
        elif name.endswith("/hashes") and f"{part}/steps" in arrays:
            rest = [a for n in ("codes", "values") if (a := arrays.get(f"{part}/{n}")) is not None]
            rows = zip(arrays[f"{part}/steps"], array, *map(np.ndarray.tolist, rest), strict=True)
            found[name] = sorted(map(str, rows))
        elif name.endswith("/codes") and f"{part}/hashes" not in arrays:
            rest = [arrays[f"{part}/{n}"].tolist() for n in ("steps", "values")]
            found[name] = sorted(map(str, zip(array.tolist(), *rest, strict=True)))
        elif name.endswith("minutes"):
            found[name] = array.tolist()
        elif name in ("values", "groups"):
            found[name] = sorted(zip(arrays["ids"].tolist(), map(str, array.tolist()), strict=True))
        elif not name.endswith("names") or f"{name.removesuffix('names')}counts" not in arrays:
            found[name] = sorted(map(str, array.tolist()))
    return found


@pytest.mark.parametrize("monitor", MONITORS, ids=lambda monitor: monitor.name)
@given(seed=st.integers(0, 2**32))
@settings(max_examples=25)
def test_order_split_and_merge_change_nothing(monitor: Monitor, seed: int) -> None:
    generator, rows = random.Random(seed), random_rows(seed)
    whole = new_tally(monitor)
    for topic in monitor.topics:
        whole.update(BatchView(topic, 0, batch_from_rows(topic, rows[topic])))
    parts = [new_tally(monitor) for _ in range(3)]
    for view in views(rows, monitor.topics, generator):
        generator.choice(parts).update(view)
    restored = monitor.tally(SETTINGS)
    restored.restore(parts[0].snapshot())
    merged = new_tally(monitor)
    for part in (parts[2], restored, parts[1]):
        merged.merge(part)
    assert content(merged) == content(whole)


@pytest.mark.parametrize("monitor", MONITORS, ids=lambda monitor: monitor.name)
def test_the_random_rows_reach_every_monitor(monitor: Monitor) -> None:
    tally = new_tally(monitor)
    for seed in range(5):
        for view in views(random_rows(seed), monitor.topics, random.Random(seed)):
            tally.update(view)
    assert content(tally) != content(new_tally(monitor))


@given(seed=st.integers(0, 2**32))
@settings(max_examples=20)
def test_source_tallies_merge_exactly(seed: int) -> None:
    generator, rows = random.Random(seed), random_rows(seed)
    whole, parts = SourceTally(), [SourceTally(), SourceTally()]
    for view in views(rows, (SERVED, OUTCOME, REPLICA), generator):
        whole.update(view)
        generator.choice(parts).update(view)
    restored = SourceTally()
    restored.restore(parts[1].snapshot())
    restored.merge(parts[0])
    assert (restored.newest_s, restored.batches) == (whole.newest_s, whole.batches)


def story(seed: int) -> list[Any]:
    rows = random_rows(seed)
    return [batch_of(MODEL, [REFERENCE])] + [
        batch_of(topic, rows[topic], producer_id=f"story-{seed}", producer_seq=0)
        for topic in (SERVED, OUTCOME, REPLICA)
    ]


@pytest.mark.parametrize("seed", range(5))
def test_a_restored_set_reads_the_same_and_knows_its_duplicates(seed: int) -> None:
    batches = story(seed)
    one = MonitorSet(SETTINGS)
    one.read(T0 - 100, True)
    for batch in batches:
        one.update(batch)
    one.read(T0 + 20, True)
    two = MonitorSet(SETTINGS)
    two.restore(one.snapshot())
    for batch in batches:
        two.update(batch)
    for at_s in (T0 + 21, T0 + 22):
        assert set(one.read(at_s, True)) == set(two.read(at_s, True))
    assert one.read(T0 + 23, True) == two.read(T0 + 23, True)


@pytest.mark.parametrize("kind", ["empty", "noise", "torn", "foreign arrays"])
def test_what_is_no_snapshot_is_refused_and_changes_nothing(kind: str) -> None:
    watched = Watch(SETTINGS)
    for batch in story(1):
        watched.set.update(batch)
    good = watched.set.snapshot()
    other = MonitorSet(Settings(arms=SETTINGS.arms, feature_groups=("only",)))
    bad = {
        "empty": b"",
        "noise": np.random.default_rng(1).bytes(500),
        "torn": good[: len(good) // 2],
        "foreign arrays": MonitorSetLike.snapshot(),
    }[kind]
    with pytest.raises(ValueError, match="not a snapshot"):
        watched.set.restore(bad)
    assert watched.set.snapshot() == good
    assert other.snapshot() != good


class MonitorSetLike:
    """Arrays of somebody else's making."""

    @staticmethod
    def snapshot() -> bytes:
        from controller.monitors.counting.array_file import pack

        return pack({"own/format": np.array([1]), "own/times": np.zeros(2)})
