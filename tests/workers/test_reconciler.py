"""Wanted work is done once per id, however often it is wanted, tried or restarted."""

from __future__ import annotations

from threading import Event
from typing import Any

from serving.workers.finished import Status
from serving.workers.reconciler import LEASE_S, REPEAT_EVERY_S, THREADS, TRIES
from serving.workers.results import Done, Failed, Refused, Result


class Deed:
    """A task that counts its calls; ``go`` lets it end."""

    def __init__(self, *results: Result, held: bool = False) -> None:
        self.calls: list[str] = []
        self.go = Event()
        self._results = list(results) or [Done("did it")]
        if not held:
            self.go.set()

    def __call__(self, work: Any, plan: Any, stopping: Any) -> Result:
        self.calls.append(work.id)
        while not self.go.wait(0.01):
            if stopping():
                return Failed("stopped")
        return self._results.pop(0) if len(self._results) > 1 else self._results[0]


def ended(said: list[Status]) -> bool:
    return bool(said) and said[-1].status in ("done", "failed", "refused")


def test_work_is_taken_then_running_then_done(workers: Any, wanting: Any) -> None:
    deed = Deed(Done("did it", "primary-1"), held=True)
    worker = workers.start("a", {"deed": deed})
    plan = wanting.plan(wanting.work())
    said = workers.until(worker, plan, lambda s: any(x.status == "running" for x in s))
    deed.go.set()
    said += workers.until(worker, plan, ended)
    assert [status.status for status in said] == ["taken", "running", "done"]
    assert said[-1] == Status("w1", "deed", "done", "did it", "primary-1")


def test_done_work_is_said_again_but_not_done_again(workers: Any, wanting: Any) -> None:
    deed = Deed()
    worker = workers.start("a", {"deed": deed})
    plan = wanting.plan(wanting.work())
    workers.until(worker, plan, ended)
    assert worker.turn(plan, workers.now_s) == []
    workers.now_s += REPEAT_EVERY_S
    assert [s.status for s in worker.turn(plan, workers.now_s)] == ["done"]
    assert deed.calls == ["w1"]


def test_a_restart_remembers_the_last_word(workers: Any, wanting: Any) -> None:
    deed = Deed()
    plan = wanting.plan(wanting.work())
    workers.until(workers.start("a", {"deed": deed}), plan, ended)
    said = workers.start("b", {"deed": deed}).turn(plan, workers.now_s)
    assert [s.status for s in said] == ["done"]
    assert deed.calls == ["w1"]


def test_two_workers_make_one_attempt_and_one_deed(workers: Any, wanting: Any) -> None:
    one, other = Deed(held=True), Deed()
    plan = wanting.plan(wanting.work())
    first = workers.start("a", {"deed": one}, machine="one")
    second = workers.start("b", {"deed": other}, machine="two")
    workers.until(first, plan, bool)
    assert second.turn(plan, workers.now_s) == []
    workers.now_s += LEASE_S - 1.0
    first.turn(plan, workers.now_s)
    workers.now_s += LEASE_S - 1.0
    assert second.turn(plan, workers.now_s) == []
    one.go.set()
    workers.until(first, plan, ended)
    workers.now_s += 10 * LEASE_S
    assert second.turn(plan, workers.now_s) == []
    assert other.calls == []


def test_a_dead_workers_lease_runs_out(workers: Any, wanting: Any) -> None:
    one, other = Deed(held=True), Deed()
    plan = wanting.plan(wanting.work())
    workers.until(workers.start("a", {"deed": one}, machine="one"), plan, bool)
    second = workers.start("b", {"deed": other}, machine="two")
    workers.now_s += LEASE_S + 1.0
    workers.until(second, plan, ended)
    assert other.calls == ["w1"]


def test_a_failure_is_tried_again_after_a_wait_and_then_given_up(
    workers: Any, wanting: Any
) -> None:
    deed = Deed(Failed("Ray is away"))
    worker = workers.start("a", {"deed": deed})
    plan = wanting.plan(wanting.work())
    for tries in range(1, TRIES):
        said = workers.until(worker, plan, lambda s: any("again in" in x.detail for x in s))
        assert said[-1].status == "running"
        assert len(deed.calls) == tries
        worker.turn(plan, workers.now_s + 1.0)
        assert len(deed.calls) == tries
        workers.now_s += 60.0
    said = workers.until(worker, plan, ended)
    assert (said[-1].status, said[-1].detail) == ("failed", "Ray is away")
    assert len(deed.calls) == TRIES


def test_a_failure_may_heal(workers: Any, wanting: Any) -> None:
    deed = Deed(Failed("away"), Done("did it"))
    worker = workers.start("a", {"deed": deed})
    plan = wanting.plan(wanting.work())
    workers.until(worker, plan, lambda s: any("again in" in x.detail for x in s))
    workers.now_s += 60.0
    assert workers.until(worker, plan, ended)[-1].status == "done"


def test_refusals_and_hopeless_failures_are_final(workers: Any, wanting: Any) -> None:
    tasks = {"no": Deed(Refused("no spare CPU")), "broken": Deed(Failed("bug", again=False))}
    worker = workers.start("a", tasks)
    for kind, status in (("no", "refused"), ("broken", "failed"), ("unheard", "refused")):
        plan = wanting.plan(wanting.work(f"w-{kind}", kind))
        assert workers.until(worker, plan, ended)[-1].status == status


def test_an_unknown_kind_is_refused_with_the_known_ones(workers: Any, wanting: Any) -> None:
    worker = workers.start("a", {"deed": Deed()})
    said = worker.turn(wanting.plan(wanting.work(kind="prewarm_cache")), workers.now_s)
    assert said[0].status == "refused"
    assert said[0].detail == "no worker does 'prewarm_cache', only deed"


def test_at_most_two_run_at_a_time(workers: Any, wanting: Any) -> None:
    deed = Deed(held=True)
    worker = workers.start("a", {"deed": deed})
    plan = wanting.plan(*(wanting.work(f"w{n}") for n in range(5)))
    workers.until(worker, plan, lambda _: len(deed.calls) == THREADS)
    worker.turn(plan, workers.now_s)
    assert worker.counts["taken"] == len(deed.calls) == THREADS
    deed.go.set()
    workers.until(worker, plan, lambda s: sum(x.status == "done" for x in s) == 5)
    assert sorted(deed.calls) == [f"w{n}" for n in range(5)]


def test_work_no_longer_wanted_is_asked_to_end(workers: Any, wanting: Any) -> None:
    deed = Deed(held=True)
    worker = workers.start("a", {"deed": deed})
    workers.until(worker, wanting.plan(wanting.work()), bool)
    workers.until(worker, wanting.plan(), lambda _: worker.counts["tried_again"] == 1)


def test_expired_work_is_not_begun(workers: Any, wanting: Any) -> None:
    deed = Deed()
    worker = workers.start("a", {"deed": deed})
    plan = wanting.plan(wanting.work())
    assert worker.turn(plan, plan.wanted[0].expires_at_s) == []
    assert deed.calls == []


def test_without_the_lease_store_nothing_begins_but_running_work_ends(
    workers: Any, wanting: Any
) -> None:
    deed = Deed(held=True)
    worker = workers.start("a", {"deed": deed})
    plan = wanting.plan(wanting.work("w1"), wanting.work("w2"))
    workers.leases["a"].down = True
    assert worker.turn(plan, workers.now_s) == []
    workers.leases["a"].down = False
    workers.until(worker, wanting.plan(wanting.work("w1")), bool)
    workers.leases["a"].down = True
    deed.go.set()
    said = workers.until(worker, plan, ended)
    assert [s.work_id for s in said if s.status == "done"] == ["w1"]
    assert deed.calls == ["w1"]
