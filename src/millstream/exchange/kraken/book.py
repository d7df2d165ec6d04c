"""A Kraken book: a snapshot, absolute changes, and a checksum of the ten best levels. Pure.

The checksum is the CRC32 of text: of the ten best asks and then bids, each price and quantity as it
was sent, without its point and its leading zeros. So `0.50930100` is not `0.509301`, and each level
keeps that text. Levels beyond the subscribed depth are cut off: Kraken no longer tells of them.
Source: docs.kraken.com, "Book checksum (v2)".

    state       snapshot, right         snapshot, wrong     update, right   update, wrong
    unsynced    Resynced, Book          Gap                 ignored         ignored
    synced      Book                    Gap -> unsynced     Book            Gap -> unsynced

After a Gap the pair is to be subscribed anew, and only that pair: `wanted`. A snapshot without a
checksum is ignored: another one follows. Updates that come for long without one are a Gap, too.
When another connection takes over, see `handover.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from zlib import crc32

from millstream.exchange.awaited import NO_SNAPSHOT, AwaitedSnapshot
from millstream.exchange.book import CheckedLevel, CheckedSide
from millstream.exchange.decoding import FrameCounts, Topic
from millstream.exchange.handover import Handover
from millstream.exchange.kraken import wire
from millstream.exchange.times import nanoseconds
from millstream.model import Book, Channel, CurrencyPair, Event, Exchange, Gap, Resynced

CHECKED = 10  # levels of each side that the checksum covers
LARGEST = 1e300


class PairBook:
    """One pair's book."""

    def __init__(
        self,
        pair: CurrencyPair,
        topic: Topic,
        counts: FrameCounts,
        wanted: list[CurrencyPair | None],
        levels: int,
    ) -> None:
        self.pair, self.topic, self.synced = pair, topic, False
        self._counts, self._wanted = counts, wanted  # wanted: who needs a new subscription
        self._levels, self._depth = levels, wire.subscribed_depth(levels)
        self._bids, self._asks = CheckedSide(+1), CheckedSide(-1)
        self._handover, self._snapshot = Handover(), AwaitedSnapshot()

    def restart(self) -> None:
        """What is known is old: serve nothing until the next snapshot."""
        self.synced = False
        self._handover.restart()
        self._snapshot.restart()

    def replaced(self) -> None:
        """Another connection takes over; its snapshot comes next."""
        self._handover.begin(self.synced)
        self._snapshot.restart()
        self.synced = False

    def snapshot(self, depth: wire.Depth, received_ns: int) -> list[Event]:
        """The events of a snapshot."""
        if depth.checksum is None:
            return []
        self._bids.clear()
        self._asks.clear()
        handover = self._handover
        goes_on, served_ns = handover.resume(), handover.served_ns
        was_synced, self.synced = self.synced, True
        self._snapshot.restart()
        events = self._apply(depth, received_ns)
        if goes_on and handover.served_ns <= served_ns:
            return events  # nothing lies between the two connections
        if self.synced and not was_synced:
            self._counts.resynced += 1
            events.insert(0, Resynced(received_ns, Exchange.KRAKEN, Channel.BOOK, self.pair, 0))
        return events

    def update(self, depth: wire.Depth, received_ns: int) -> list[Event]:
        """The events of a change."""
        if self.synced:
            return self._apply(depth, received_ns)
        if self._snapshot.is_late(received_ns):
            return [self.lose(received_ns, "", "", NO_SNAPSHOT)]
        return []

    def _apply(self, depth: wire.Depth, received_ns: int) -> list[Event]:
        try:
            exchange_ns = nanoseconds(depth.timestamp) if depth.timestamp else 0
            new_bids, new_asks = _read(depth.bids), _read(depth.asks)
        except ValueError as error:
            return [self.lose(received_ns, "", "", f"an update could not be read: {error}")]
        bids, asks = self._bids, self._asks
        bids.apply(new_bids)
        asks.apply(new_asks)
        bids.cut(self._depth)
        asks.cut(self._depth)
        ours = crc32(b"".join(asks.texts(CHECKED) + bids.texts(CHECKED)))
        if ours != depth.checksum:
            told = "none" if depth.checksum is None else str(depth.checksum)
            return [self.lose(received_ns, told, str(ours), "the book's checksum differs")]
        bid, ask = bids.best_price, asks.best_price
        if bid is not None and ask is not None and bid >= ask:
            return [self.lose(received_ns, "", "", "the book is crossed")]
        handover = self._handover
        if handover.not_before_ns and handover.is_old(exchange_ns):
            return []
        handover.served_ns = exchange_ns
        self._counts.books += 1
        return [
            Book(
                received_ns,
                Exchange.KRAKEN,
                self.pair,
                exchange_ns,
                bids.top(self._levels),
                asks.top(self._levels),
                0,  # Kraken numbers no updates
            )
        ]

    def lose(self, received_ns: int, expected: str, got: str, reason: str) -> Gap:
        """The book is not to be served until it was subscribed anew."""
        self.restart()
        self._wanted.append(self.pair)
        self._counts.gaps += 1
        channel, pair = Channel.BOOK, self.pair
        return Gap(received_ns, Exchange.KRAKEN, channel, pair, expected, got, 0, reason)


def _read(levels: Iterable[wire.Level]) -> list[CheckedLevel]:
    """Numbers and the checksum's text; raises ValueError when one is no price or no quantity."""
    read: list[CheckedLevel] = []
    for level in levels:
        price_text, volume_text = bytes(level.price), bytes(level.qty)
        price, volume = float(price_text), float(volume_text)
        if not (0.0 < price <= LARGEST and 0.0 <= volume <= LARGEST):
            raise ValueError("a level's price or quantity is impossible")
        read.append((price, volume, _digits(price_text) + _digits(volume_text)))
    return read


def _digits(text: bytes) -> bytes:
    digits = text.replace(b".", b"").lstrip(b"0")
    if digits and not digits.isdigit():  # an exponent, which was never seen in a book
        digits = f"{Decimal(text.decode()):f}".encode().replace(b".", b"").lstrip(b"0")
    return digits
