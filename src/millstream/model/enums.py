"""The closed sets. Numbers go over the wire and into journals: they are never reused."""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Self

from millstream.errors import UnknownName, did_you_mean

__all__ = [
    "Channel",
    "Exchange",
    "Liquidity",
    "OrderStatus",
    "OrderType",
    "Side",
    "TimeInForce",
]


class _Named(IntEnum):
    """An integer on the wire, its lower-case name everywhere a person reads or writes it."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """The member with this name, in any case; raises UnknownName with the accepted names."""
        member = cls.__members__.get(text.strip().upper())
        if member is None:
            known = [name.lower() for name in cls.__members__ if name != "UNKNOWN"]
            raise UnknownName(
                f'"{text}" is not a known {cls.__name__.lower()}; accepted: {", ".join(known)}.'
                + did_you_mean(text.lower(), known)
            )
        return member

    def __str__(self) -> str:
        return self.name.lower()


class Exchange(_Named):
    """A trading venue."""

    BINANCE = 1
    COINBASE = 2
    KRAKEN = 3
    OKX = 5
    IB = 6
    BINANCE_FUTURE = 8
    OKX_SWAP = 9
    KRAKEN_FUTURE = 11


class Channel(StrEnum):
    """What a stream can carry; one connection each."""

    TICKER = "ticker"
    TRADE = "trade"
    BOOK = "book"
    CANDLE = "candle"
    MY_ORDER = "my_order"
    MY_TRADE = "my_trade"
    MY_ORDER_BATCH = "my_order_batch"

    @classmethod
    def parse(cls, text: str) -> Channel:
        """The channel with this name, in any case; raises UnknownName with the accepted names."""
        try:
            return cls(text.strip().lower())
        except ValueError:
            known = [channel.value for channel in cls]
            raise UnknownName(
                f'"{text}" is not a known channel; accepted: {", ".join(known)}.'
                + did_you_mean(text.lower(), known)
            ) from None

    @property
    def private(self) -> bool:
        """True when the channel is about your own account and needs credentials."""
        return self.value.startswith("my_")


class Side(_Named):
    """Which way. Of a public trade: the taker's."""

    BUY = 1
    SELL = 2

    @property
    def sign(self) -> int:
        """+1 for a buy, -1 for a sell."""
        return 1 if self is Side.BUY else -1

    @property
    def opposite(self) -> Side:
        """The other side."""
        return Side.SELL if self is Side.BUY else Side.BUY


class OrderType(_Named):
    """How an order is priced."""

    MARKET = 1
    LIMIT = 2
    STOP = 3  # becomes a market order at its stop price
    STOP_LIMIT = 4
    OTHER = 9  # a kind that only its venue knows; seen on orders that others placed


class TimeInForce(_Named):
    """How long an order may rest."""

    GTC = 1  # until cancelled
    IOC = 2  # fill what is there at once, cancel the rest
    FOK = 3  # all at once, or nothing


class OrderStatus(_Named):
    """Where an order stands; the ways between are the table in ``orders/machine.py``."""

    INTENT = 1  # durable here, not sent
    SENT = 2  # marked before the bytes leave; what the venue did with it is not known yet
    WORKING = 3
    PARTIAL = 4
    FILLED = 5
    CANCELED = 6
    EXPIRED = 7
    REJECTED = 8  # by the venue, or by our own risk limits before it was sent
    UNKNOWN = 9  # sent, outcome in doubt; blocks its exposure until evidence settles it


class Liquidity(_Named):
    """Who rested: the maker rested in the book, the taker came to it."""

    MAKER = 1
    TAKER = 2
