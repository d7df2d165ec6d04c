"""Orders that other programs put into `orders`: taken once, judged like any robot's wish.

A document that another program inserts has the fields of `WANTED` and neither `revision` nor
`status`. It becomes a wish, so the risk limits stand before it. When the order is stored, the same
document shows it: the other program sees in it what became of its order.
"""

from __future__ import annotations

import hashlib
import logging
import re
import time
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from bson import ObjectId
from pymongo.change_stream import CollectionChangeStream
from pymongo.errors import DuplicateKeyError, PyMongoError, WriteError

from millstream.errors import UnknownName
from millstream.model import (
    CurrencyPair,
    Exchange,
    OrderType,
    Output,
    PlaceOrder,
    Side,
    TimeInForce,
)
from millstream.model.codec import encode_outputs
from millstream.orders.mongo.address import parse_address
from millstream.orders.mongo.asked import shortened
from millstream.orders.mongo.documents import Document
from millstream.orders.mongo.server import connect, foreign, is_passing

__all__ = ["WANTED", "OrderMailbox", "wish_in"]

_log = logging.getLogger(__name__)
WANTED: Final = ("name", "to", "symbol", "side", "type", "volume")
_ID: Final = re.compile("[A-Za-z0-9]{1,18}")
_LONGEST: Final = 50  # digits of a number, before and after its point
_AWAIT_MS: Final = 250
_LETTERS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_PENDING: Final[Document] = {"revision": {"$exists": False}, "status": {"$exists": False}}
_NEW: Final = [
    {
        "$match": {
            "operationType": "insert",
            **{f"fullDocument.{field}": absent for field, absent in _PENDING.items()},
        }
    }
]


class OrderMailbox:
    """What other programs have put into `orders` of a `MongoStore`, as wishes.

    url: as for `MongoStore`, which must be open somewhere. oldest_s: an order that was inserted
    longer ago than this, while nobody looked, is refused: the market is another.
    Raises ConfigError when the URL is not one; StoreError when the servers cannot be reached.
    """

    def __init__(self, url: str, oldest_s: float = 10.0) -> None:
        self._address = parse_address(url)
        self._oldest_s = oldest_s
        self._given: set[tuple[str, str]] = set()  # the wishes of this session
        self._refused: int | None = None  # the servers' number for it, when it was warned of
        self._stream: CollectionChangeStream[dict[str, Any]] | None = None
        self._client, database = connect(self._address, majority_reads=True)
        self._orders = foreign(database, "orders")

    def receive(self) -> list[Output]:
        """The wishes that have come, after a quarter of a second at most without any.

        An election only delays what comes; what the servers refuse is asked again, with a warning.
        """
        try:
            if self._stream is None:
                self._stream = self._orders.watch(_NEW, max_await_time_ms=_AWAIT_MS)
                return self._left()
            told = self._stream.try_next()
            if not self._stream.alive:  # the collection was dropped
                self._let_go()
            return [] if told is None else self._taken([told["fullDocument"]], late=False)
        except PyMongoError as error:
            code = None if is_passing(error) else getattr(error, "code", 0)
            level = logging.INFO if code in (None, self._refused) else logging.WARNING
            _log.log(level, "%s: the mailbox is interrupted: %s", self._address.shown, error)
            self._refused = code
            self._let_go()
            time.sleep(_AWAIT_MS / 1000)
            return []

    def run(self, send: Callable[[bytes], object], stop: Callable[[], bool]) -> None:
        """Give every wish to `send`, encoded as a batch, until `stop()` is true."""
        while not stop():
            if wishes := self.receive():
                send(encode_outputs(wishes))

    def close(self) -> None:
        """Let go of the servers."""
        self._let_go()
        self._client.close()

    def _let_go(self) -> None:
        if self._stream is not None:
            self._stream.close()
        self._stream = None

    def _left(self) -> list[Output]:
        """What was put there while nobody looked."""
        return self._taken(list(self._orders.find(_PENDING)), late=True)

    def _taken(self, documents: list[Document], late: bool) -> list[Output]:
        wishes: dict[tuple[str, str], Output] = {}
        for document in documents:
            try:
                wish = self._wish_of(document, late)
            except WriteError as error:
                if is_passing(error):
                    raise  # none is given: all are read again
                _log.warning(
                    "%s: left alone in `orders`: %s: %s",
                    self._address.shown, document["_id"], error,
                )  # fmt: skip
                continue
            if wish is not None:
                assert isinstance(wish.body, PlaceOrder)
                wishes[repr(document["_id"]), wish.body.order_id] = wish
        self._given.update(wishes)
        return list(wishes.values())

    def _wish_of(self, document: Document, late: bool) -> Output | None:
        """None for one that was given already, is gone, or is refused."""
        key = document["_id"]
        try:
            wish = wish_in(document)
            assert isinstance(wish.body, PlaceOrder)
            if (repr(key), wish.body.order_id) in self._given:
                return None
            if late:
                self._check_age(key)
            return wish if self._name(key, wish.body.order_id) else None
        except (UnknownName, ValueError) as error:
            self._refuse(key, str(error))
        except DuplicateKeyError:
            self._refuse(key, "an order with this id is there already")
        return None

    def _check_age(self, key: object) -> None:
        if not isinstance(key, ObjectId):
            raise ValueError(
                "not sent: nobody looked when it came, and its `_id` has no time in it"
            )
        age_s = time.time() - key.generation_time.timestamp()
        if age_s > self._oldest_s:
            raise ValueError(
                f"not sent: it was inserted {age_s:.0f} s ago, and after {self._oldest_s:g} s the "
                "market is another"
            )

    def _name(self, key: object, order_id: str) -> bool:
        """Write the order's id into the document that asked for it: it becomes the order.

        False: it was deleted, or somebody has given it a status: it is no wish any more.
        """
        named = {"$set": {"order_id": order_id}}
        return self._orders.update_one({"_id": key, **_PENDING}, named).matched_count > 0

    def _refuse(self, key: object, why: str) -> None:
        why = shortened(why)
        _log.warning("%s: an order in `orders` is refused: %s", self._address.shown, why)
        self._orders.update_one(
            {"_id": key, **_PENDING}, {"$set": {"status": "rejected", "reason": why}}
        )


def wish_in(document: Mapping[str, Any]) -> Output:
    """The wish that a document of another program is.

    Raises UnknownName or ValueError: a sentence that names the field.
    """
    missing = [field for field in WANTED if not document.get(field)]
    if missing:
        raise ValueError(f"the field `{missing[0]}` is missing; wanted are {', '.join(WANTED)}")
    name, kind = str(document["name"]), OrderType.parse(str(document["type"]))
    price = _number(document, "price")
    if (price is None) != (kind in (OrderType.MARKET, OrderType.STOP)):
        raise ValueError(f"a {kind} order {'has no' if price is not None else 'needs a'} `price`")
    volume = _number(document, "volume")
    assert volume is not None
    return Output(
        0,
        name,
        PlaceOrder(
            Exchange.parse(str(document["to"])),
            CurrencyPair.parse(str(document["symbol"])),
            Side.parse(str(document["side"])),
            kind,
            volume,
            price,
            TimeInForce.parse(str(document.get("time_in_force", "gtc"))),
            _flag(document, "post_only"),
            _order_id(document),
            _number(document, "stop_price"),
            _flag(document, "reduce_only"),
        ),
    )


def _number(document: Mapping[str, Any], field: str) -> Decimal | None:
    value = document.get(field)
    if value is None:
        return None
    shown = str(value)  # of a Decimal128, a text, an integer, or what a float shows as
    try:
        number = Decimal(shown if len(shown) <= _LONGEST else "NaN")
    except InvalidOperation:
        number = Decimal("NaN")
    # Written as a person would, 1e999999999 has a billion digits.
    if not number.is_finite() or number <= 0 or abs(number.adjusted()) > _LONGEST:
        raise ValueError(f"the field `{field}` is {value!r}, not a number above zero")
    return number


def _flag(document: Mapping[str, Any], field: str) -> bool:
    value = document.get(field) or False
    if not isinstance(value, bool):  # the text "false" would be true
        raise ValueError(f"the field `{field}` is {value!r}, not true or false")
    return value


def _order_id(document: Mapping[str, Any]) -> str:
    """The id it asks for, or one that is computed from its `_id`: the same every time."""
    asked = document.get("order_id") or document["_id"]
    if isinstance(asked, str):
        if not _ID.fullmatch(asked):
            raise ValueError(f"the order id {asked!r} is not 1 to 18 letters and digits")
        return asked
    number = int.from_bytes(hashlib.blake2b(str(asked).encode(), digest_size=11).digest())
    letters = ""
    while len(letters) < 17:
        number, letter = divmod(number, 36)
        letters += _LETTERS[letter]
    return "x" + letters
