"""The parts of a checked document that make the world: traffic, users and service."""

from __future__ import annotations

from pathlib import Path

from controller.settings import Settings
from simulator.scenario.document import Source
from simulator.scenario.schema import Document, TrafficEntry, UsersEntry
from simulator.spec import MONDAY_S, ArmModel, Burst, Traffic, Users, WorldSpec


def world_of(read: Document, settings: Settings, folder: Path, source: Source) -> WorldSpec:
    """Raise BadInput for an arm that the settings do not have, or a ratings file that is not."""
    service = read.service
    for arm in service.arms:
        if arm not in settings.arms:
            what = f"unknown arm; accepted: {', '.join(settings.arms)}"
            raise source.refusal(("service", "arms", arm), what)
    return WorldSpec(
        start_s=MONDAY_S + read.starts,
        traffic=_traffic(read.traffic, read.duration, source),
        users=_users(read.users, folder, source),
        arms={
            name: ArmModel(
                latency_ms=arm.latency,
                spread=arm.spread,
                replicas=arm.replicas,
                batch_size=arm.batch_size,
                batch_ms=arm.batch_time,
                item_ms=arm.item_time,
                cold_ms=arm.cold,
                cold_s=arm.cold_for,
                quality=arm.quality,
                personal=arm.personal,
            )
            for name, arm in service.arms.items()
        },
        local_ms=service.local,
        routers=service.routers,
        feature_every_s=service.features_every,
        train_s=service.train,
        adopt_ms=service.adopt,
        detect_dead_s=service.detect_dead,
        inputs=service.inputs,
    )


def _traffic(entry: TrafficEntry, duration_s: float, source: Source) -> Traffic:
    for place, burst in enumerate(entry.bursts):
        if burst.at >= duration_s:
            what = f"is {burst.at:g} s; accepted: before the end of the run, after {duration_s:g} s"
            raise source.refusal(("traffic", "bursts", place, "at"), what)
    return Traffic(
        rate_per_s=entry.rate,
        day_ratio=entry.day_ratio,
        week_ratio=entry.week_ratio,
        burstiness=entry.burstiness,
        memory=entry.memory,
        shots_per_day=entry.shots,
        bursts=tuple(
            Burst(b.at, b.for_, b.factor, b.rise, b.fall, f"burst {number}")
            for number, b in enumerate(entry.bursts, 1)
        ),
    )


def _users(entry: UsersEntry, folder: Path, source: Source) -> Users:
    ratings = None if entry.ratings is None else (folder / entry.ratings).resolve()
    if ratings is not None:
        if not ratings.is_file():
            what = f"no such file: {ratings}; accepted: a ratings file"
            raise source.refusal(("users", "ratings"), what)
        for also in ("users", "items"):
            if also in entry.model_fields_set:
                what = "is given with `ratings`; accepted: either, the file has its own"
                raise source.refusal(("users", also), what)
    return Users(
        users=entry.users,
        items=entry.items,
        ratings=ratings,
        popularity_exponent=entry.popularity_exponent,
        activity_pareto=entry.activity_pareto,
        churn_per_day=entry.churn,
        fatigue=entry.fatigue,
        click_model="cascade" if entry.click_model == "cascade" else "position",
        rank_exponent=entry.rank_exponent,
        ctr=entry.ctr,
        delay_s=entry.delay,
        delay_spread=entry.delay_spread,
        loss_share=entry.loss,
        double_share=entry.doubles,
    )
