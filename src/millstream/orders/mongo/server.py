"""A connection to a replica set that keeps its word, and its errors as one sentence each."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeAlias, TypeVar

from bson import CodecOptions, DatetimeConversion
from bson.errors import BSONError
from pymongo import IndexModel, MongoClient, ReadPreference
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import (
    AutoReconnect,
    ConnectionFailure,
    ExecutionTimeout,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WriteConcernError,
)
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from millstream.errors import MillstreamError, StoreError
from millstream.orders.mongo.address import MongoAddress

__all__ = [
    "Client",
    "Documents",
    "connect",
    "explained",
    "is_passing",
    "patiently",
    "prepare",
    "require_store",
]

Client: TypeAlias = MongoClient[dict[str, Any]]
Documents: TypeAlias = Database[dict[str, Any]]
_log = logging.getLogger(__name__)
_T = TypeVar("_T")

LAYOUT_VERSION: Final = 2  # 1: without `when` in `changes`, and never pruned
_FIND_S: Final = 5  # how long to look for a primary when a store is opened
_SOCKET_S: Final = 5  # a member that is frozen answers nothing: then the next one is asked
_INDEX_S: Final = 60
_OLDEST_WIRE: Final = 17  # of MongoDB 6.0
_PAUSE_S: Final = 0.05
_UNAUTHORIZED: Final = 13
_AUTHENTICATION: Final = (18, _UNAUTHORIZED, 8000)
# What an election says: not primary any more, shutting down, the write was not confirmed in time.
_PASSING: Final = frozenset(
    {50, 64, 89, 91, 189, 262, 9001, 10058, 10107, 11600, 11602, 13435, 13436}
)


def is_passing(error: PyMongoError) -> bool:
    """True for what an election or a network brings about: the same call may succeed soon."""
    if isinstance(error, AutoReconnect | ExecutionTimeout | WriteConcernError):
        return True
    if isinstance(error, OperationFailure) and error.code in _PASSING:
        return True
    return error.has_error_label("RetryableWriteError")


def patiently(
    call: Callable[[], _T], until_s: float, hurried: Callable[[], bool] = lambda: False
) -> _T:
    """What a call answers, repeated through an election until the monotonic time `until_s`.

    hurried: whether somebody waits for the end of it: then it is not repeated.
    """
    while True:
        try:
            return call()
        except PyMongoError as error:
            if not is_passing(error) or hurried() or time.monotonic() > until_s:
                raise
        time.sleep(_PAUSE_S)


@contextmanager
def explained(shown: str) -> Iterator[None]:
    """The driver's errors as one StoreError sentence each: what happened, where, what to do."""
    try:
        yield
    except MillstreamError:
        raise
    except ServerSelectionTimeoutError as error:
        raise StoreError(
            f"order store {shown}: no primary answers ({_short(error)}); check that the replica "
            "set runs, that most of its members are up, and the names in the address"
        ) from None
    except OperationFailure as error:
        if error.code in _AUTHENTICATION:
            raise StoreError(
                f"order store {shown}: the server refuses this user ({_short(error)}); check user, "
                "password and authSource in the address, and that it may read and write there"
            ) from None
        raise StoreError(
            f"order store {shown}: the server refused ({_short(error)}); check its log"
        ) from None
    except ConnectionFailure as error:
        raise StoreError(
            f"order store {shown}: the connection is lost ({_short(error)}); check the network and "
            "the replica set, then start again"
        ) from None
    except OSError as error:
        raise StoreError(
            f"order store {shown}: no TLS with what the address names ({_short(error)}); check "
            "tlsCAFile and tlsCertificateKeyFile"
        ) from None
    except (PyMongoError, BSONError) as error:
        raise StoreError(
            f"order store {shown}: reading or writing failed ({_short(error)}); check the server's "
            "log, then start again"
        ) from None


def _short(error: Exception) -> str:
    words = " ".join(str(error).split())
    for noise in (", full error:", ", Timeout:", " (configured timeouts:"):
        words = words.split(noise)[0]
    return words if len(words) <= 200 else words[:200] + " …"


def connect(address: MongoAddress, majority_reads: bool) -> tuple[Client, Documents]:
    """A client, and the store's database on a replica set that was asked what it promises.

    majority_reads: see only what no election takes back; for followers. An owner has its own word.
    Raises StoreError when the server cannot be reached, or cannot keep an order store's promises.
    """
    with explained(address.shown):
        client: Client = MongoClient(
            address.url,
            appname="millstream",
            w="majority",
            journal=True,
            retryWrites=True,
            connectTimeoutMS=2_000,
            socketTimeoutMS=_SOCKET_S * 1000,
            serverSelectionTimeoutMS=_FIND_S * 1000,
            heartbeatFrequencyMS=1_000,
        )
        try:
            _check(client, address.shown)
        except BaseException:
            client.close()
            raise
    database = client.get_database(
        address.database,
        write_concern=WriteConcern("majority", j=True),
        read_concern=ReadConcern("majority" if majority_reads else "local"),
        read_preference=ReadPreference.PRIMARY,  # whatever the address says: others lag behind
    )
    return client, database


def _check(client: Client, shown: str) -> None:
    hello = client.admin.command("hello")
    if hello.get("msg") == "isdbgrid":
        raise StoreError(
            f"order store {shown}: this is a sharded cluster, which was never tested; use a "
            "replica set"
        )
    if "setName" not in hello:
        what = (
            "is started as a replica set that nobody has initiated; call replSetInitiate once"
            if hello.get("isreplicaset")
            else "stands alone, without change streams; start it with --replSet and call "
            "replSetInitiate once"
        )
        raise StoreError(f"order store {shown}: the server {what}")
    if hello.get("maxWireVersion", 0) < _OLDEST_WIRE:
        raise StoreError(f"order store {shown}: the server is older than MongoDB 6.0; update it")
    if not hello.get("isWritablePrimary"):
        raise StoreError(
            f"order store {shown}: this member is not the primary; name the set with "
            f"replicaSet={hello['setName']} and leave directConnection out"
        )
    try:
        default = client.admin.command("getDefaultRWConcern").get("defaultWriteConcern", {})
    except OperationFailure as error:
        if error.code != _UNAUTHORIZED:
            raise
        _log.warning(
            "%s: this user may not see the set's default write concern (the role clusterMonitor); "
            "see that it is majority, else other programs' orders could be lost", shown,
        )  # fmt: skip
        return
    if default.get("w") != "majority" or default.get("j") is False:
        raise StoreError(
            f"order store {shown}: the set's default write concern is w={default.get('w', 1)}, so "
            "what other programs write could be lost and is told 100 ms late; call "
            "setDefaultRWConcern with w: majority"
        )


def foreign(database: Documents, name: str) -> Collection[dict[str, Any]]:
    """A collection that other programs write: no date and no text of theirs ends who reads it."""
    lenient = CodecOptions[dict[str, Any]](
        datetime_conversion=DatetimeConversion.DATETIME_AUTO,
        unicode_decode_error_handler="replace",
    )
    return database.get_collection(name, codec_options=lenient)


def require_store(database: Documents, shown: str) -> None:
    """Raise StoreError unless there is an order store in a database that is only to be read."""
    if database["state"].find_one({"_id": "layout"}) is None:
        raise StoreError(
            f"order store {shown}: there is none in this database; check its name in the address"
        )


def prepare(database: Documents, shown: str) -> None:
    """Make the indexes of an empty store; the unique ones are its last judge.

    Raises StoreError when the database has another layout.
    """
    layout = database["state"].find_one({"_id": "layout"})
    if layout is None or layout.get("version") == 1:
        # In a large collection it takes longer than a call may; asked again, it waits for the same.
        patiently(lambda: _make_indexes(database), time.monotonic() + _INDEX_S)
        database["state"].update_one(
            {"_id": "layout"}, {"$set": {"version": LAYOUT_VERSION}}, upsert=True
        )
    elif layout.get("version") != LAYOUT_VERSION:
        raise StoreError(
            f"order store {shown}: its layout has version {layout.get('version')}, this program "
            f"knows {LAYOUT_VERSION}; use the program version that wrote it"
        )


def _make_indexes(database: Documents) -> None:
    by_id = {"unique": True, "partialFilterExpression": {"order_id": {"$gt": ""}}}
    database["changes"].create_indexes(
        [
            IndexModel("last", unique=True),
            IndexModel([("names", 1), ("last", 1)]),
            IndexModel("ids", unique=True, sparse=True),  # an order id is stored once, for ever
            IndexModel("fills", unique=True, sparse=True),  # and so is a fill
        ]
    )
    database["orders"].create_indexes(
        [
            IndexModel("order_id", **by_id),
            IndexModel("inserted"),
            IndexModel([("name", 1), ("inserted", 1)]),
            IndexModel("status"),
        ]
    )
    database["trades"].create_index([("name", 1), ("_id", 1)])
