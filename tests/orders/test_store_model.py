"""Every keeper against a plain dict, in whatever order things are done to them."""

import itertools
import tempfile
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.orders.sample import BTC, VENUE, filled, order, report

from millstream.errors import DuplicateOrder, UnknownOrder
from millstream.orders import Happened, MemoryStore
from millstream.orders.mongo.store import MongoStore
from millstream.orders.sqlite import SqliteStore

IDS = st.sampled_from(["a", "b", "c", "d"])
ENDED = {"filled", "canceled", "expired", "rejected"}
VOLUME = Decimal(1)


class Machine(RuleBasedStateMachine):
    """The dict knows: id -> [status or "open", filled volume, trade ids]."""

    def __init__(self):
        super().__init__()
        self.place = tempfile.TemporaryDirectory()
        self.path = Path(self.place.name) / "orders.sqlite"
        self.store = self.open()
        self.model, self.fills = {}, {}

    def open(self):
        return MemoryStore()

    def teardown(self):
        self.store.close()
        self.place.cleanup()

    @rule(order_id=IDS)
    def insert(self, order_id):
        if order_id in self.model:
            with pytest.raises(DuplicateOrder):
                self.store.insert([order(order_id)])
        else:
            self.store.insert([order(order_id, robot=f"r-{order_id}")])
            self.model[order_id] = ["open", Decimal(0)]

    @rule(
        order_id=IDS,
        what=st.sampled_from(
            [Happened.SENT, Happened.UNKNOWN, Happened.ACCEPTED, Happened.CANCEL_WISHED]
        ),
    )
    def go_on(self, order_id, what):
        self.apply(order_id, report(order_id, what))

    @rule(
        order_id=IDS, what=st.sampled_from([Happened.CANCELED, Happened.EXPIRED, Happened.REJECTED])
    )
    def end(self, order_id, what):
        if self.apply(order_id, report(order_id, what)) and self.model[order_id][0] == "open":
            self.model[order_id][0] = what.value

    @rule(order_id=IDS, trade=st.integers(1, 6), volume=st.sampled_from(["0.1", "0.4", "0.7"]))
    def fill(self, order_id, trade, volume):
        known = trade in self.fills
        if not self.apply(order_id, filled(order_id, f"t{trade}", volume=volume)) or known:
            return
        mine = self.model[order_id]
        if mine[1] + Decimal(volume) <= VOLUME:
            self.fills[trade] = (order_id, Decimal(volume))
            mine[1] += Decimal(volume)
            if mine[1] == VOLUME and mine[0] == "open":
                mine[0] = "filled"

    def apply(self, order_id, one):
        if order_id in self.model:
            self.store.apply([one], 1)
            return True
        with pytest.raises(UnknownOrder):
            self.store.apply([one], 1)
        return False

    @precondition(lambda self: self.model)
    @rule()
    def reopen(self):
        """Nothing to do for a keeper that forgets."""

    @invariant()
    def the_store_says_what_the_dict_says(self):
        found = {one.order_id: one for one in self.store.orders()}
        assert list(found) == list(self.model)
        for order_id, (status, volume) in self.model.items():
            one = found[order_id]
            assert one == self.store.get(order_id)
            assert one.filled_volume == volume
            assert (str(one.status) if str(one.status) in ENDED else "open") == status
            assert self.store.position(f"r-{order_id}", VENUE, BTC) == volume
        opened = [one.order_id for one in self.store.orders(open_only=True)]
        assert opened == [i for i, (status, _) in self.model.items() if status == "open"]

    @invariant()
    def changes_have_no_hole_and_no_double(self):
        changes = self.store.changes(0)
        assert [one.revision for one in changes] == [*range(1, self.store.revision + 1)]
        booked = {one.trade_id: (one.order_id, one.volume) for one in self.store.trades()}
        assert booked == {f"t{trade}": fill for trade, fill in self.fills.items()}


class SqliteMachine(Machine):
    def open(self):
        return SqliteStore(self.path)

    @precondition(lambda self: self.model)
    @rule()
    def reopen(self):
        self.store.close()
        self.store = self.open()


def mongo_machine(replica_set):
    """A state machine over a MongoStore; each example has a database of its own."""
    numbers = itertools.count()

    class MongoMachine(Machine):
        def __init__(self):
            self.url = replica_set.url(f"model{next(numbers)}")
            super().__init__()

        def open(self):
            return MongoStore(self.url)

        @precondition(lambda self: self.model)
        @rule()
        def reopen(self):
            self.store.close()
            self.store = self.open()

    return MongoMachine


@pytest.mark.parametrize(("machine", "examples"), [(Machine, 40), (SqliteMachine, 15)])
def test_a_store_is_a_dict_that_forgets_nothing(machine, examples):
    run_state_machine_as_test(
        machine, settings=settings(max_examples=examples, stateful_step_count=20, deadline=None)
    )


def test_a_store_on_mongodb_is_a_dict_that_forgets_nothing(replica_set):
    run_state_machine_as_test(
        mongo_machine(replica_set),
        settings=settings(max_examples=8, stateful_step_count=15, deadline=None),
    )
