"""Gateways and stores that are wrong on purpose: a harness that does not catch them is a defect."""

from __future__ import annotations

from contextlib import suppress

from pymongo.write_concern import WriteConcern

from millstream.errors import StoreError
from millstream.model import OrderStatus
from millstream.orders.gateway import Gateway
from millstream.orders.mongo import pruning
from millstream.orders.mongo.store import MongoStore
from millstream.orders.sqlite import SqliteStore


class BlindResend(Gateway):
    """Sends what an earlier session may have sent, again."""

    def start(self, now_ns):
        for order in self._store.orders(open_only=True):
            if order.status in (OrderStatus.SENT, OrderStatus.UNKNOWN):
                self._venue.place(order, now_ns)
        super().start(now_ns)


class SendsFirst(Gateway):
    """Sends before it has marked the order SENT."""

    def _send(self, intents, now_ns):
        for order in intents:
            self._venue.place(order, now_ns)
        super()._send([], now_ns)


class IgnoresTheVenue(Gateway):
    """Believes that what is in doubt never happened: a late fill is lost."""

    def start(self, now_ns):
        self._venue.recover = lambda orders: []
        super().start(now_ns)


class ForgetsCancels(Gateway):
    """A new session does not ask again for the cancels that an earlier one wished."""

    def start(self, now_ns):
        ask, self._ask_to_cancel = self._ask_to_cancel, lambda order_ids, now_ns: None
        super().start(now_ns)
        self._ask_to_cancel = ask


GATEWAYS = {
    "right": Gateway,
    "blind-resend": BlindResend,
    "sends-first": SendsFirst,
    "ignores-the-venue": IgnoresTheVenue,
    "forgets-cancels": ForgetsCancels,
}


class Unsynced(SqliteStore):
    """Acknowledges what is not on the disk yet."""

    def __init__(self, path):
        super().__init__(path)
        self._writer.execute("PRAGMA synchronous = OFF")


class Hasty(SqliteStore):
    """Says that it has stored what the disk has refused."""

    def _transact(self, work):
        with suppress(StoreError):
            return super()._transact(work)
        self._broken = ""
        self._writer.execute("BEGIN")
        changes = work(self._revision + 1)
        self._writer.execute("ROLLBACK")
        self._remember(changes)
        return changes


class Speechless(SqliteStore):
    """Lets a failure through as it comes, which nobody explains."""

    def insert(self, orders):
        try:
            return super().insert(orders)
        except StoreError as error:
            raise OSError(str(error)) from error


def mongo_store(path):
    """The store on the server whose address lies in the folder."""
    return MongoStore(path.with_name("orders.url").read_text())


def pruned_store(path):
    """The same, whose old changes go at once and all the time: right, and in a hurry."""
    pruning._FIRST_S = pruning._EVERY_S = pruning._PAUSE_S = 0.002
    return MongoStore(path.with_name("orders.url").read_text(), keep_days=1e-9)


class BelievesTheFirstAnswer(MongoStore):
    """Takes one member's word, which has it in memory, for a majority's that has it on disk."""

    def __init__(self, url, patience_s):
        super().__init__(url, patience_s)
        weak = self._database["changes"].with_options(write_concern=WriteConcern(1, j=False))
        self._commits._insert = weak.insert_one


STORES = {
    "right": SqliteStore,
    "unsynced": Unsynced,
    "hasty": Hasty,
    "speechless": Speechless,
    "mongo": mongo_store,
    "pruned": pruned_store,
}
