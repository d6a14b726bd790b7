"""Memory and Redis agree on every sequence of lease, commit and refill."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from controller.adapters.memory_store import MemoryPlanStore
from controller.adapters.redis_store import RedisPlanStore
from controller.adapters.wall_clock import WallClock
from controller.ports import GENESIS, Commit
from tests.adapters.commits import Chain, log_of, stored_of

pytestmark = pytest.mark.live

HOLDERS = st.sampled_from(["a", "b"])
EPOCHS = st.integers(1, 4)
LONG_S = 3_600.0
"""No lease lapses by itself here, so that both stores see the same time."""
_runs = itertools.count()


def test_memory_and_redis_agree_on_every_sequence(redis_server):
    class Both(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.memory = MemoryPlanStore(WallClock())
            self.redis = RedisPlanStore(
                redis_server.url, redis_server.password, f"both-{next(_runs)}"
            )
            self.cap = f"cap-{next(_runs)}"
            self.sent: list[Commit] = []
            self.published: list[Commit] = []

        def both(self, ask):
            here, there = ask(self.memory), ask(self.redis)
            assert here == there
            return here

        @rule(holder=HOLDERS, epoch=EPOCHS)
        def lease(self, holder, epoch):
            self.both(lambda store: store.lease(holder, epoch, LONG_S))

        @rule(holder=HOLDERS, epoch=EPOCHS)
        def release(self, holder, epoch):
            self.both(lambda store: store.release(holder, epoch))

        @rule(holder=HOLDERS, epoch=EPOCHS, back=st.integers(0, 2), count=st.integers(1, 3))
        def commit(self, holder, epoch, back, count):
            heads = [GENESIS, *(commit.head for commit in self.published)]
            head = heads[max(0, len(heads) - 1 - back)]
            commit = Chain(holder, epoch, head, len(self.published)).next(
                count, note=str(len(self.sent))
            )
            self.sent.append(commit)
            if self.both(lambda store: store.commit(commit)) == "published":
                self.published.append(commit)

        @rule(service=HOLDERS, key=st.sampled_from("kl"), cost=st.integers(1, 3))
        def reserve(self, service, key, cost):
            def ask(store):
                said = store.reserve(self.cap, service, key, cost, 4, LONG_S)
                assert 0.0 < said.free_in_s <= LONG_S
                return said.granted, said.used

            self.both(ask)

        @rule(which=st.integers(0, 5))
        def send_again(self, which):
            if self.sent:
                commit = self.sent[-1 - which % len(self.sent)]
                fate = self.both(lambda store: store.commit(commit))
                if fate == "published" and commit not in self.published:
                    self.published.append(commit)

        @rule(kept=st.integers(0, 3), extra=st.booleans())
        def refill(self, kept, extra):
            chain = self.published[: max(0, len(self.published) - kept)]
            if extra:
                head = chain[-1].head if chain else GENESIS
                chain = [*chain, Chain("copy", 1, head, len(chain)).next(note="copy")]
            if not chain:
                return
            records = [record for commit in chain for record in commit.records]
            if self.both(lambda store: store.refill(records, stored_of(chain[-1]))):
                self.published = chain

        @invariant()
        def both_hold_what_was_published(self):
            stored = self.both(lambda store: store.load())
            assert stored == (stored_of(self.published[-1]) if self.published else None)
            log = self.both(log_of)
            assert log == [r for commit in self.published for r in commit.records]

        def teardown(self):
            self.redis.close()

    run_state_machine_as_test(
        Both, settings=settings(max_examples=40, stateful_step_count=25, deadline=None)
    )
