"""The words of Coinbase's Exchange feed, which is for institutions and older than Advanced Trade.

Source: docs.cdp.coinbase.com, Exchange, "WebSocket channels". Every frame is flat and has a type.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from millstream.exchange.coinbase.words import Number, Price, Quote, Volume, Word, product_id
from millstream.model import Channel, CurrencyPair

FEED_HOST = "wss://ws-feed.exchange.coinbase.com"
NAMES = {Channel.TICKER: "ticker", Channel.TRADE: "matches", Channel.BOOK: "level2_batch"}
HEARTBEAT = "heartbeat"
VERIFY_PATH = "/users/self/verify"  # what a subscribe's signature is made over


class Tick(Word, frozen=True, tag_field="type", tag="ticker"):
    """ticker: the best bid and ask as they stand after a trade. Sizes are there since 2023."""

    product_id: str
    sequence: Number  # of the product, shared by all its channels
    best_bid: Quote
    best_ask: Quote
    best_bid_size: Volume = 0.0
    best_ask_size: Volume = 0.0
    time: str = ""


class Match(Word, frozen=True):
    """match, and last_match: the one before the subscription."""

    product_id: str
    trade_id: Number  # sequential per product
    price: Price
    size: Volume
    side: Literal["buy", "sell"]  # the maker's
    time: str


class Snapshot(Word, frozen=True, tag_field="type", tag="snapshot"):
    """level2: the whole book."""

    product_id: str
    bids: list[tuple[Price, Volume]]
    asks: list[tuple[Price, Volume]]
    time: str = ""


class Update(Word, frozen=True, tag_field="type", tag="l2update"):
    """level2: absolute volumes of the changed prices."""

    product_id: str
    changes: list[tuple[Literal["buy", "sell"], Price, Volume]]
    time: str


class Heartbeat(Word, frozen=True, tag_field="type", tag="heartbeat"):
    """heartbeat: once a second for each product."""

    product_id: str
    last_trade_id: Number


class Listed(Word, frozen=True):
    """One channel of the acknowledgement."""

    name: str
    product_ids: tuple[str, ...] = ()


class Subscriptions(Word, frozen=True, tag_field="type", tag="subscriptions"):
    """Everything the connection is subscribed to."""

    channels: list[Listed]


def subscribe_message(
    pairs: Iterable[CurrencyPair],
    channel: Channel,
    book_channel: str,
    login: Mapping[str, str] | None = None,
) -> bytes:
    """What to send after a connect.

    login: key, passphrase, timestamp and signature, where the channel wants them.
    """
    name = book_channel if channel is Channel.BOOK else NAMES[channel]
    products = [product_id(pair) for pair in pairs]
    wanted = {"type": "subscribe", "product_ids": products, "channels": [name, HEARTBEAT]}
    return msgspec.json.encode(wanted | dict(login or {}))


def resubscribe_messages(
    pair: CurrencyPair, book_channel: str, login: Mapping[str, str] | None = None
) -> list[bytes]:
    """What to send for a new snapshot of one pair's book."""
    wanted = {"product_ids": [product_id(pair)], "channels": [book_channel]}
    kinds = ("unsubscribe", "subscribe")
    return [msgspec.json.encode({"type": kind} | wanted | dict(login or {})) for kind in kinds]
