"""OKX's rule for a book: each frame names the one it follows. Pure.

    state      frame                                        becomes
    unsynced   whole book                                   Resynced, Book -> synced
    unsynced   changes                                      ignored
    synced     whole book                                   Book
    synced     anything older than what was served before   applied, and served no more
               another connection took over
    synced     its whole book, when that is newer           Resynced, Book
    synced     changes that follow the last frame           Book; none when nothing changed
    synced     the last frame again                         ignored
    synced     any other changes, or a crossed book,        Gap -> unsynced; the pair is
               or a checksum that is not the book's         subscribed anew

A keepalive has prevSeqId == seqId and no levels. After maintenance seqId begins lower: such a frame
still names the one it follows (prevSeqId > seqId), and is taken. The checksum is 0 since August
2026; where there is one it is checked over the first 25 levels of both sides, as text.
Source: okx.com/docs-v5, "Order book channel"; the checksum by the recording of 2022.
"""

from __future__ import annotations

from zlib import crc32

from millstream.exchange.book import Level, OrderBook
from millstream.exchange.decoding import FrameCounts
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
        self._served_ms = 0  # the venue's time of the last book served
        self._not_before_ms = 0  # serve none of before this: its time would go back
        self._taken_over = False  # the next whole book is another connection's first

    def restart(self) -> None:
        """A new connection: its first frame is the whole book."""
        self.synced = self._taken_over = False
        self._not_before_ms = 0

    def replaced(self) -> None:
        """Another connection takes over; its whole book is of when it was opened."""
        if self.synced:
            self._not_before_ms = self._served_ms
            self._taken_over = True

    def load(self, depth: Depth, text: TextDepth | None, received_ns: int) -> list[Event]:
        """The events of a whole book; text: when it has a checksum."""
        self._book.load(self._levels(depth.bids), self._levels(depth.asks))
        self._text = TextBook(text) if text is not None else None
        self._before, self._last = self._last, depth.seqId
        wrong = self._wrong(depth.checksum)
        if wrong:
            self._counts.ignore(f"a whole book, and {wrong}")
            return [self._gap(depth, received_ns, wrong)]
        if self._is_old(depth):
            self._taken_over = False
            return []
        # Newer than what the old connection told last: what lies between was told by neither.
        jumped = self._taken_over and depth.ts > self._served_ms
        self._taken_over = False
        event = self._serve(depth, received_ns)
        if self.synced and not jumped:
            return [event]
        self.synced = True
        self._counts.resynced += 1
        update_id = self._last or 0
        return [Resynced(received_ns, self._exchange, Channel.BOOK, self.pair, update_id), event]

    def update(self, depth: Depth, text: TextDepth | None, received_ns: int) -> list[Event]:
        """The events of changes."""
        counts = self._counts
        if not self.synced:
            counts.ignore("changes of a book that is not known")
            return []
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
        return [] if self._is_old(depth) else [self._serve(depth, received_ns)]

    @property
    def wants_text(self) -> bool:
        """True while checksums are kept."""
        return self._text is not None

    def _is_old(self, depth: Depth) -> bool:
        if depth.ts >= self._not_before_ms:
            return False
        self._counts.ignore("a book older than one served before")
        return True

    def _serve(self, depth: Depth, received_ns: int) -> Book:
        self._counts.books += 1
        self._served_ms = depth.ts
        bids, asks = self._book.bids.top(self._depth), self._book.asks.top(self._depth)
        return Book(
            received_ns,
            self._exchange,
            self.pair,
            depth.ts * 1_000_000,
            bids,
            asks,
            self._last or 0,
        )

    def _levels(self, levels: list[tuple[float, float, str, str]]) -> list[Level]:
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
        self.synced = False
        self._not_before_ms = 0
        self._wanted.append(self.pair)
        self._counts.gaps += 1
        return Gap(
            received_ns,
            self._exchange,
            Channel.BOOK,
            self.pair,
            str(self._last),
            str(depth.prevSeqId),
            0,
            reason,
        )


class TextBook:
    """Both sides as they were sent, for the checksum."""

    def __init__(self, depth: TextDepth) -> None:
        self._bids: dict[float, str] = {}  # negative price to "price:size"
        self._asks: dict[float, str] = {}
        self.apply(depth)

    def apply(self, depth: TextDepth) -> None:
        """Set prices to their sizes."""
        _set(self._bids, depth.bids, -1.0)
        _set(self._asks, depth.asks, 1.0)

    def checksum(self) -> int:
        """CRC32, signed, of bid and ask in turns."""
        bids = [self._bids[key] for key in sorted(self._bids)[:CHECKED_LEVELS]]
        asks = [self._asks[key] for key in sorted(self._asks)[:CHECKED_LEVELS]]
        parts: list[str] = []
        for at in range(max(len(bids), len(asks))):
            parts += bids[at : at + 1] + asks[at : at + 1]
        number = crc32(":".join(parts).encode())
        return number - (1 << 32) if number >= 1 << 31 else number


def _set(side: dict[float, str], levels: list[TextLevel], sign: float) -> None:
    for price, size, _, _ in levels:
        key = sign * float(price)
        if float(size) > 0.0:
            side[key] = f"{price}:{size}"
        else:
            side.pop(key, None)
