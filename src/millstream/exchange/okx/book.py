"""OKX's rule for a book: each frame names the one it follows. Pure.

    state      frame                                        becomes
    unsynced   whole book                                   Resynced, Book -> synced
    unsynced   changes                                      ignored
    synced     whole book                                   Book
    synced     changes that follow the last frame           Book; none when nothing changed
    synced     the last frame again                         ignored
    synced     any other changes, or a crossed book,        Gap -> unsynced; the pair is
               or a checksum that is not the book's         subscribed anew

A keepalive has prevSeqId == seqId and no levels. After maintenance seqId begins lower: such a frame
still names the one it follows (prevSeqId > seqId), and is taken. The checksum is 0 since August
2026; where there is one it is checked over the first 25 levels of both sides, as text.
Changes that come for long without a whole book are a Gap, too. When another connection takes over,
see `handover.py`.
Source: okx.com/docs-v5, "Order book channel"; the checksum by the recording of 2022.
"""

from __future__ import annotations

from itertools import zip_longest
from zlib import crc32

from millstream.exchange.awaited import NO_SNAPSHOT, AwaitedSnapshot
from millstream.exchange.book import CheckedLevel, CheckedSide, Level, OrderBook
from millstream.exchange.decoding import FrameCounts
from millstream.exchange.handover import Handover
from millstream.exchange.okx.contracts import Units
from millstream.exchange.okx.wire import Depth, TextDepth, TextLevel
from millstream.model import Book, Channel, CurrencyPair, Event, Exchange, Gap, Resynced

CHECKED_LEVELS = 25


class PairBook:
    """One pair's book and where it stands with the venue's numbering."""

    def __init__(
        self,
        exchange: Exchange,
        pair: CurrencyPair,
        units: Units,
        counts: FrameCounts,
        wanted: list[CurrencyPair | None],
        depth: int,
    ) -> None:
        self.pair = pair
        self.synced = False
        self._exchange, self._counts, self._depth = exchange, counts, depth
        self._units = units
        self._wanted = wanted  # shared: the pairs that want a new subscription
        self._book = OrderBook()
        self._last: int | None = None
        self._before: int | None = None  # what the last frame followed
        self._text: TextBook | None = None
        self._handover, self._whole = Handover(), AwaitedSnapshot()

    def restart(self) -> None:
        """A new connection: its first frame is the whole book."""
        self.synced = False
        self._handover.restart()
        self._whole.restart()

    def replaced(self) -> None:
        """Another connection takes over; its whole book comes next."""
        self._handover.begin(self.synced)
        self._whole.restart()
        self.synced = False

    def lose(self, received_ns: int, expected: str, got: str, reason: str) -> Gap:
        """The book is not to be served until it was subscribed anew."""
        self.restart()
        self._wanted.append(self.pair)
        self._counts.gaps += 1
        pair, channel = self.pair, Channel.BOOK
        return Gap(received_ns, self._exchange, channel, pair, expected, got, 0, reason)

    def load(self, depth: Depth, text: TextDepth | None, received_ns: int) -> list[Event]:
        """The events of a whole book; text: when it has a checksum."""
        self._book.load(self._levels(depth.bids), self._levels(depth.asks))
        self._text = TextBook(text) if text is not None else None
        self._before, self._last = self._last, depth.seqId
        wrong = self._wrong(depth.checksum)
        if wrong:
            self._counts.ignore(f"a whole book, and {wrong}")
            return [self._gap(depth, received_ns, wrong)]
        was_synced, self.synced = self.synced, True
        self._whole.restart()
        handover, number = self._handover, self._last or 0
        goes_on = handover.resume() and not handover.is_newer(depth.ts * 1_000_000, number)
        events = self._serve(depth, received_ns)
        if was_synced or goes_on:
            return events
        self._counts.resynced += 1
        return [
            Resynced(received_ns, self._exchange, Channel.BOOK, self.pair, number),
            *events,
        ]

    def update(self, depth: Depth, text: TextDepth | None, received_ns: int) -> list[Event]:
        """The events of changes."""
        counts = self._counts
        if not self.synced:
            counts.ignore("changes of a book that is not known")
            late = self._whole.is_late(received_ns)
            return [self.lose(received_ns, "", "", NO_SNAPSHOT)] if late else []
        before, number = depth.prevSeqId, depth.seqId
        if before != self._last:
            if number == self._last and before == self._before:
                counts.ignore("changes seen before")
                return []
            counts.ignore("changes that do not follow the last ones")
            return [self._gap(depth, received_ns, "the frame before is missing")]
        if not depth.bids and not depth.asks:
            self._last = number
            counts.ignore("a keepalive of a book")
            return []
        self._book.apply(self._levels(depth.bids), self._levels(depth.asks))
        if self._text is not None and text is not None:
            self._text.apply(text)
        wrong = self._wrong(depth.checksum)
        if wrong:
            counts.ignore(f"changes, and {wrong}")
            return [self._gap(depth, received_ns, wrong)]
        self._before, self._last = before, number
        return self._serve(depth, received_ns)

    @property
    def wants_text(self) -> bool:
        """True while checksums are kept."""
        return self._text is not None

    def _serve(self, depth: Depth, received_ns: int) -> list[Event]:
        handover, exchange_ns, number = self._handover, depth.ts * 1_000_000, self._last or 0
        if handover.not_before_ns and handover.is_old(exchange_ns, number):
            self._counts.ignore("a book older than one served before")
            return []
        handover.served_ns, handover.served_number = exchange_ns, number
        self._counts.books += 1
        bids, asks = self._book.bids.top(self._depth), self._book.asks.top(self._depth)
        return [Book(received_ns, self._exchange, self.pair, exchange_ns, bids, asks, number)]

    def _levels(self, levels: list[tuple[float, float, str, str]]) -> list[Level]:
        if not levels:
            return []
        scale = self._units.scale
        if self._units.inverse:
            return [(price, size * scale / price) for price, size, _, _ in levels]
        if scale == 1.0:
            return [(price, size) for price, size, _, _ in levels]
        return [(price, size * scale) for price, size, _, _ in levels]

    def _wrong(self, checksum: int) -> str:
        if self._book.crossed:
            return "the book is crossed"
        if checksum and self._text is not None and self._text.checksum() != checksum:
            return "the checksum is not the book's"
        return ""

    def _gap(self, depth: Depth, received_ns: int, reason: str) -> Gap:
        return self.lose(received_ns, str(self._last), str(depth.prevSeqId), reason)


class TextBook:
    """Both sides as they were sent, for the checksum."""

    def __init__(self, depth: TextDepth) -> None:
        self._bids, self._asks = CheckedSide(+1), CheckedSide(-1)
        self.apply(depth)

    def apply(self, depth: TextDepth) -> None:
        """Set prices to their sizes."""
        self._bids.apply(_read(depth.bids))
        self._asks.apply(_read(depth.asks))

    def checksum(self) -> int:
        """CRC32, signed, of bid and ask in turns."""
        bids, asks = self._bids.texts(CHECKED_LEVELS), self._asks.texts(CHECKED_LEVELS)
        turns = [text for both in zip_longest(bids, asks) for text in both if text is not None]
        number = crc32(b":".join(turns))
        return number - (1 << 32) if number >= 1 << 31 else number


def _read(levels: list[TextLevel]) -> list[CheckedLevel]:
    return [(float(price), float(size), f"{price}:{size}".encode()) for price, size, _, _ in levels]
