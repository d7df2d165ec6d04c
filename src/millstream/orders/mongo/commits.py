"""How a transaction of the order store on MongoDB is stored once, whatever dies in between.

The answer to an insert may be lost with the primary that gave it. Then the same document is
inserted again: either it is new now, or its `_id` is taken, and a linearizable read says by whom.

    what the servers say                    what becomes of it
    stored                                  stored
    no primary, a connection broke          in doubt: again, until the caller's patience ends
    its `_id` is taken, by this document    stored
    its `_id` is taken, by another          not stored: its revision was taken
    its `_id` is taken, and nothing there   an election took back what was there: again
    an order id is taken                    not stored: DuplicateOrder
    anything else                           not stored: StoreError; after a doubt nobody knows
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, Final, NoReturn

from bson.errors import BSONError
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError, PyMongoError
from pymongo.read_concern import ReadConcern

from millstream.errors import DuplicateOrder, StoreError
from millstream.orders.mongo.documents import Document
from millstream.orders.mongo.server import explained, is_passing, patiently

__all__ = ["Commits", "stored_already"]

_log = logging.getLogger(__name__)
_PAUSE_S: Final = 0.05
_READ_MS: Final = 2_000


class Commits:
    """Stores transactions in `changes`, one at a time.

    closing: whether somebody waits to close the store: a write must not wait for a primary then.
    break_off: told why every later call must be refused, when nobody knows what is stored.
    """

    def __init__(
        self,
        changes: Collection[dict[str, Any]],
        shown: str,
        closing: Callable[[], bool],
        break_off: Callable[[str], None],
    ) -> None:
        self._changes, self._shown = changes, shown
        self._closing, self._break_off = closing, break_off

    def is_stored(self, document: Document, until_s: float) -> bool:
        """True when the transaction is stored for good; False when its revision was taken.

        until_s: how long it is tried, by `time.monotonic`. Raises DuplicateOrder and StoreError.
        """
        in_doubt = False
        while True:
            try:
                self._insert(document)
                return True
            except DuplicateKeyError as error:
                there = self._judge(document["_id"], until_s)
                if there is not None:
                    return there == str(document["token"])
                details = error.details or {}
                if "ids" in details["keyPattern"]:
                    raise stored_already(details["keyValue"]["ids"]) from None
                if "_id" not in details["keyPattern"] or time.monotonic() > until_s:
                    self._fail(error, in_doubt)
            except BSONError as error:  # it has left this process never
                self._fail(error, in_doubt)
            except PyMongoError as error:
                if not is_passing(error) or self._closing() or time.monotonic() > until_s:
                    self._fail(error, in_doubt or is_passing(error))
                if not in_doubt:
                    _log.warning("%s: waiting for a primary: %s", self._shown, error)
                in_doubt = True  # from here on only the store itself knows whether it has it
                time.sleep(_PAUSE_S)

    def _insert(self, document: Document) -> None:
        """One durable insert, acknowledged by a majority that has it on disk."""
        self._changes.insert_one(document)

    def _judge(self, revision: int, until_s: float) -> str | None:
        """The token of the transaction that begins with a revision; no election takes it back."""
        certain = self._changes.with_options(read_concern=ReadConcern("linearizable"))
        try:
            found = patiently(
                lambda: certain.find_one({"_id": revision}, {"token": 1}, max_time_ms=_READ_MS),
                until_s,
                self._closing,
            )
        except PyMongoError as error:
            self._fail(error, in_doubt=True)
        return None if found is None else str(found["token"])

    def _fail(self, error: PyMongoError | BSONError, in_doubt: bool) -> NoReturn:
        """Raise what happened; while nobody knows what is stored, refuse until a restart."""
        if in_doubt:
            self._break_off("the outcome of an earlier write is not known; start again to read it")
        try:
            with explained(self._shown):
                raise error
        except StoreError as told:
            why = "; whether this write is stored is not known: start again to read it"
            raise StoreError(f"{told}{why if in_doubt else ''}") from None


def stored_already(order_id: str) -> DuplicateOrder:
    """The refusal of a batch with an order that is known."""
    return DuplicateOrder(
        f"order {order_id} is in the store already; nothing of this batch was stored"
    )
