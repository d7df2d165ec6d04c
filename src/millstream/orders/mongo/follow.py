"""The order store on MongoDB as another process reads it, on any host that reaches the servers.

A change stream says at once that something is new, and brings it. It is believed only where it goes
on without a hole from the revision that is known; else `changes` is read again. So a lost
connection, an election, or a server whose log no longer reaches back that far costs a read, never a
change.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final, TypeVar

from pymongo.change_stream import CollectionChangeStream
from pymongo.errors import OperationFailure, PyMongoError

from millstream.errors import StoreError
from millstream.model import CurrencyPair, Exchange, MyOrder, MyTrade
from millstream.orders.mongo.address import parse_address
from millstream.orders.mongo.documents import changes_in
from millstream.orders.mongo.reading import (
    Reader,
    latest_revision,
    projected_revision,
    pruned_sentence,
    robots_in,
)
from millstream.orders.mongo.server import connect, explained, patiently, require_store
from millstream.orders.mongo.tail import Tail
from millstream.orders.store import Change, SavedRobot

__all__ = ["MongoFollower"]

_log = logging.getLogger(__name__)
_T = TypeVar("_T")
_AWAIT_MS: Final = 500  # how long the server holds an answer that is empty
_PAUSE_S: Final = 0.1
# Invalid token, the stream is dead, the log has rolled over.
_LOST: Final = frozenset({260, 280, 286})
_NEW: Final = [{"$match": {"operationType": "insert"}}]


class MongoFollower:
    """An `OrderRecord` over the database of a `MongoStore`, which may be open anywhere.

    url: as for `MongoStore`. name: under which the store remembers where this follower stood (see
    `remember`); "": it does not. on_resync: called with a sentence, in another thread, when the
    servers' log did not reach back to where this follower stood, and everything was read again.
    patience_s: how long a call waits for a new primary before it gives up.
    Raises ConfigError when the URL is not one; StoreError when the servers cannot be reached.
    """

    def __init__(
        self,
        url: str,
        name: str = "",
        on_resync: Callable[[str], object] | None = None,
        patience_s: float = 60.0,
    ) -> None:
        self._address = parse_address(url)
        self._name = name
        self._on_resync = on_resync
        self._patience_s = patience_s
        self._changed = threading.Condition()
        self._closed = False
        self._told_pruned = 0
        self.resyncs = 0  # how often everything was read again
        self._client, self._database = connect(self._address, majority_reads=True)
        self._reader = Reader(
            self._database,
            lambda: projected_revision(self._database),
            lambda after: self._reader.changes(after, None, None),
            self._tell_pruned,
        )
        try:
            with explained(self._address.shown):
                stood = self._database["followers"].find_one({"_id": name}) if name else None
                self.stood = int(stood["revision"]) if stood else 0  # where it was remembered
                self._token: Mapping[str, Any] | None = stood["token"] if stood else None
                stream = self._opened_stream()  # first: what comes after it is told
                self._tail = Tail(latest_revision(self._database))
        except BaseException:
            self._client.close()
            raise
        self._thread = threading.Thread(
            target=self._follow, args=(stream,), name="orders-follow", daemon=True
        )
        self._thread.start()

    def require(self) -> None:
        """Raise StoreError when no owner has ever made this store; a part may wait for it."""
        self._read(lambda: require_store(self._database, self._address.shown))

    @property
    def revision(self) -> int:
        """The number of the latest change; 0 in an empty store. Asks the servers."""
        if self._read(lambda: latest_revision(self._database)) > self._tail.revision:
            self._read(self._read_again)  # before the change stream has told it
        return self._tail.revision

    def get(self, order_id: str) -> MyOrder | None:
        """The order as it stands, or None."""
        return self._read(lambda: self._reader.order(order_id))

    def orders(self, robot: str | None = None, open_only: bool = False) -> list[MyOrder]:
        """Orders as they stand, of one robot or of all (None), in the order of their insertion."""
        return self._read(lambda: self._reader.orders(robot, open_only))

    def trades(self, robot: str | None = None) -> list[MyTrade]:
        """Fills, of one robot or of all (None), ascending by revision."""
        return self._read(lambda: self._reader.trades(robot))

    def position(self, robot: str | None, exchange: Exchange, symbol: CurrencyPair) -> Decimal:
        """What the fills of a robot, or of all (None), add up to, in base currency."""
        return self._read(lambda: self._reader.position(robot, exchange, symbol))

    def changes(self, after: int, robot: str | None = None, limit: int = 1000) -> list[Change]:
        """The first `limit` changes with a revision above `after`, ascending.

        As far as the change stream has told, or `revision` has found.
        """
        with self._changed:
            self._check_open()
            if self._tail.covers(after):
                return self._tail.after(after, robot, limit)
        return self._read(lambda: self._reader.changes(after, robot, limit))

    def saved_robots(self) -> list[SavedRobot]:
        """Every set-up of a robot, in the order in which their names were first saved."""
        return self._read(lambda: robots_in(self._database))

    def wait(self, after: int, timeout_s: float) -> bool:
        """Block until the change stream has told a revision above `after`.

        False when the time ran out or it was closed.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._tail.revision > after, timeout_s)
            return self._tail.revision > after

    def remember(self, revision: int) -> None:
        """Store how far this follower has handled, with where its change stream stands.

        One document, so both or neither; `stood` has it when the follower is opened again.
        Raises StoreError when the follower has no name.
        """
        if not self._name:
            raise StoreError(
                f"order store {self._address.shown}: only a follower with a name is remembered; "
                "give it one"
            )
        said = {"revision": revision, "token": self._token, "resyncs": self.resyncs}
        self._read(
            lambda: self._database["followers"].update_one(
                {"_id": self._name}, {"$set": said}, upsert=True
            )
        )

    def close(self) -> None:
        """Let go of the servers; every later call raises StoreError, and whoever waits is woken."""
        with self._changed:
            if self._closed:
                return
            self._closed = True
            self._changed.notify_all()
        self._thread.join()
        self._client.close()

    # ---- the change stream -----------------------------------------------------------------------

    def _opened_stream(self) -> CollectionChangeStream[dict[str, Any]]:
        """A change stream from where it stood, or from now if the log does not reach back."""
        changes = self._database["changes"]
        try:
            return changes.watch(_NEW, resume_after=self._token, max_await_time_ms=_AWAIT_MS)
        except OperationFailure as error:
            if error.code not in _LOST:
                raise
            self._lost(error)
        return changes.watch(_NEW, max_await_time_ms=_AWAIT_MS)

    def _lost(self, error: OperationFailure) -> None:
        why = (
            f"order store {self._address.shown}: the servers' log does not reach back to where "
            f"this follower stood ({error.code}); everything since is read again"
        )
        self._token = None
        self._tell_resync(why)

    def _tell_pruned(self, after: int, until: int) -> None:
        if after and until > self._told_pruned:  # who begins at 0 has missed nothing
            self._told_pruned = until
            self._tell_resync(pruned_sentence(self._address.shown, after, until))

    def _tell_resync(self, why: str) -> None:
        _log.warning("%s", why)
        self.resyncs += 1
        if self._on_resync is None:
            return
        try:
            self._on_resync(why)
        except Exception:  # somebody else's code: it may raise anything, and the following goes on
            _log.exception("%s: on_resync failed", self._address.shown)

    def _follow(self, stream: CollectionChangeStream[dict[str, Any]]) -> None:
        """Take what the stream tells, for as long as this is open; open it again when it ends."""
        while not self._closed:
            try:
                with stream:
                    self._read_again()
                    while stream.alive and not self._closed:
                        told = stream.try_next()
                        if told is not None:
                            self._take(told)
                        self._token = stream.resume_token
            except OperationFailure as error:
                if error.code in _LOST:
                    self._lost(error)
                else:
                    _log.info("%s: the change stream ended: %s", self._address.shown, error)
            except PyMongoError as error:
                _log.info("%s: the change stream ended: %s", self._address.shown, error)
            while not self._closed:
                try:
                    stream = self._opened_stream()
                    break
                except PyMongoError:
                    time.sleep(_PAUSE_S)

    def _take(self, told: Mapping[str, Any]) -> None:
        document = told["fullDocument"]
        if document["_id"] > self._tail.revision + 1:
            self._read_again()
        else:
            self._append(changes_in(document, self._tail.revision))

    def _read_again(self) -> None:
        """Believe only the store: what is above the revision that is known."""
        self._append(self._reader.changes(self._tail.revision, None, None))

    def _append(self, changes: list[Change]) -> None:
        with self._changed:
            self._tail.append(changes, self._tail.revision)
            self._changed.notify_all()

    def _read(self, query: Callable[[], _T]) -> _T:
        self._check_open()
        with explained(self._address.shown):
            return patiently(query, time.monotonic() + self._patience_s)

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError(
                f"order store {self._address.shown}: it is closed; open it again to use it"
            )
