"""Lets go of old changes, so that `changes` does not grow for ever with all of its history.

What is lost are the states that an order passed through: its last one stays in `orders`, and every
fill in `trades`; whoever asks for older changes gets those (`reading.py`), and is told so.

`state` says first, durably, up to which revision; only then documents go. So a reader who looks
there afterwards knows whether what he read was whole, and a process that dies half way is made up
for by the next. Two kinds of documents stay, without the changes in them:

- those that bear order ids or fills, whose unique indexes are their last judge, for ever;
- the first and the last of each owner, and the newest. An owner that was frozen and overtaken, for
  however long, would go on with one of these revisions: each has to be taken still.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pymongo import DeleteOne, UpdateOne
from pymongo.errors import PyMongoError

from millstream.orders.mongo.documents import Document
from millstream.orders.mongo.reading import pruned_revision
from millstream.orders.mongo.server import Documents, is_passing

__all__ = ["Pruner", "prune"]

_log = logging.getLogger(__name__)
_FIRST_S: Final = 60.0  # after a store was opened
_EVERY_S: Final = 3600.0
_PAUSE_S: Final = 0.05  # between portions: the disk is the orders' first
_PORTION: Final = 500  # documents
_JUDGED: Final = {"epoch": 1, "ids": 1, "fills": 1}
_STRIP: Final[Document] = {"$unset": {"changes": 1, "names": 1}}


def prune(
    database: Documents, before: datetime, reached: int, go_on: Callable[[], bool] = lambda: True
) -> int:
    """Let go of changes that were stored before a time; the revision up to which they are gone.

    reached: the revision that the readable collections have reached; never beyond it.
    go_on: asked between portions; what is left then is done the next time.
    """
    known = pruned_revision(database)
    until = _last_before(database, known, before, reached)
    if until > known:
        database["orders"].create_index("revision")  # who resyncs reads by it
        database["state"].update_one(
            {"_id": "pruned"}, {"$max": {"revision": until}, "$set": {"when": before}}, upsert=True
        )
    while go_on() and _strip(database, until):
        pass
    return until


def _last_before(database: Documents, known: int, before: datetime, reached: int) -> int:
    """The last revision of the transactions before a time, without a newer one among them."""
    found = database["changes"].find({"last": {"$gt": known}}, {"last": 1, "when": 1})
    for document in found.sort("last", 1):
        when = document.get("when")  # transactions of earlier versions have none
        if document["last"] > reached or (when and when.replace(tzinfo=UTC) >= before):
            break
        known = document["last"] if when else known
    return known


def _strip(database: Documents, until: int) -> bool:
    """One portion; False when there is none left."""
    changes, state = database["changes"], database["state"]
    stood = state.find_one({"_id": "pruned"}) or {}
    wanted = {"$gt": stood.get("stripped", 0), "$lte": until}
    portion = [*changes.find({"_id": wanted}, _JUDGED).sort("_id", 1).limit(_PORTION)]
    if not portion:
        return False
    first, last = portion[0]["_id"], portion[-1]["_id"]
    # What lay between the one before it and the first was of the same owner, or would be there.
    before = changes.find_one({"_id": {"$lt": first}}, _JUDGED, sort=[("_id", -1)])
    behind = changes.find_one({"_id": {"$gt": last}}, _JUDGED, sort=[("_id", 1)])
    neighbours = [before, *portion, behind]
    writes: list[Any] = []
    for at, document in enumerate(portion):
        key = {"_id": document["_id"]}
        keep = _judges(document) or _is_edge(neighbours[at], document, neighbours[at + 2])
        writes.append(UpdateOne(key, _STRIP) if keep else DeleteOne(key))
    changes.bulk_write(writes, ordered=False)
    state.update_one({"_id": "pruned"}, {"$max": {"stripped": last}})
    return True


def _judges(document: Document) -> bool:
    return "ids" in document or "fills" in document


def _is_edge(before: Document | None, document: Document, behind: Document | None) -> bool:
    epochs = {one["epoch"] if one else None for one in (before, document, behind)}
    return len(epochs) > 1


class Pruner:
    """The thread that prunes now and then; nothing waits for it.

    days: how long changes are kept. reached: the revision the readable collections have reached.
    """

    def __init__(
        self, database: Documents, shown: str, days: float, reached: Callable[[], int]
    ) -> None:
        self._database = database
        self._shown = shown
        self._kept = timedelta(days=days)
        self._reached = reached
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="orders-pruning", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """End the thread, after the portion in hand."""
        self._stopping.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        pause_s = _FIRST_S
        while not self._stopping.wait(pause_s):
            pause_s = _EVERY_S
            try:
                prune(self._database, datetime.now(UTC) - self._kept, self._reached(), self._go_on)
            except PyMongoError as error:
                level = logging.INFO if is_passing(error) else logging.WARNING
                _log.log(level, "%s: old changes stay for now: %s", self._shown, error)

    def _go_on(self) -> bool:
        time.sleep(_PAUSE_S)
        return not self._stopping.is_set()
