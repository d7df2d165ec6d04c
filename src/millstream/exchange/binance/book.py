"""Binance's rule for a book from diffs and a REST snapshot, of spot and of futures. Pure.

Buffer diffs, take a snapshot, drop diffs with u <= lastUpdateId. Each diff says which update it
follows (`before`): spot by U - 1, futures by pu. The first applied follows the snapshot's update
or one before it; from then on each follows the last one, on futures exactly: their ids are shared
by all symbols, so that U says nothing.
Source: developers.binance.com, "How to manage a local order book correctly".

    state       diff follows on        diff is late    hole, or crossed book     snapshot
    syncing     held                   held            held                      -> synced or again
    synced      Book                   ignored         Gap -> syncing            ignored
    widening    Book, and kept         ignored         Gap -> syncing            -> synced or again

A hole makes this one pair invalid: no Book leaves until a new snapshot has healed it.

A snapshot has an end. Beyond its last price only what changed since is known, so when the served
levels reach there, the book may lack some: it says so (Stale), asks for a new snapshot and goes on
with what it knows (widening).
"""

from __future__ import annotations

from collections import deque

from millstream.exchange.binance.wire import SNAPSHOT_LIMITS, Depth, DepthUpdate
from millstream.exchange.book import Level, OrderBook
from millstream.exchange.decoding import FrameCounts, SnapshotRequest
from millstream.model import Book, Channel, CurrencyPair, Event, Exchange, Gap, Resynced, Stale

MAX_BUFFERED = 2_000  # frames of one pair: 200 s of diffs


class PairBook:
    """One pair's book and where it stands with the venue's numbering.

    path: where its REST snapshot is, below the REST host.
    exact: each diff must follow the very last one, as futures' do; else it may reach back over it.
    """

    def __init__(
        self,
        pair: CurrencyPair,
        counts: FrameCounts,
        wanted: list[PairBook],
        depth: int,
        snapshot_limit: int,
        exchange: Exchange,
        path: str,
        exact: bool = False,
    ) -> None:
        self.pair = pair
        self._exchange, self._path, self._exact = exchange, path, exact
        self.synced = False
        self._wanted = wanted  # shared: the books that want a snapshot
        self._asked = False  # it was said, and none has come yet
        self._counts = counts
        self._depth = depth
        self._limit = snapshot_limit
        self._book = OrderBook()
        self._last = 0  # the last update id in the book
        self._chained = False  # that was a diff's, not the snapshot's
        self._held: deque[DepthUpdate] = deque()
        self._kept: deque[DepthUpdate] | None = None  # applied while widening
        self._lowest_bid = 0.0  # the book is exact from here ...
        self._highest_ask = float("inf")  # ... to here

    def restart(self) -> None:
        """A new connection: what is known may be old, what is held may have a hole."""
        self.synced = False
        self._asked = False
        self._kept = None
        if self._held:
            self._counts.buffered -= len(self._held)
            self._counts.ignore("held until the connection was lost", len(self._held))
            self._held.clear()

    def request(self) -> SnapshotRequest:
        """What to fetch when a snapshot is wanted."""
        return SnapshotRequest(self.pair, self._path)

    def update(self, diff: DepthUpdate, received_ns: int) -> list[Event]:
        """The events of one diff."""
        if self.synced:
            return self._apply(diff, received_ns)
        self._hold(diff)
        return []

    def snapshot(self, depth: Depth, received_ns: int) -> list[Event]:
        """The events of a snapshot and of the diffs that were held for it."""
        counts = self._counts
        self._asked = False
        if self.synced and self._kept is None:
            counts.pass_over("a snapshot of a book that needs none")
            return []
        oldest = self._kept or self._held
        if oldest and depth.lastUpdateId < oldest[0].before:
            counts.pass_over("a snapshot older than the first update held")
            self._want_snapshot()
            return []
        fresh = OrderBook()
        fresh.load(depth.bids, depth.asks)
        if fresh.crossed:
            counts.pass_over("a snapshot that is crossed")
            self._want_snapshot()
            return []
        counts.snapshots += 1
        counts.resynced += 1
        self._book = fresh
        self._cover(depth)
        self._last, self._chained = depth.lastUpdateId, False
        self._reapply_kept()
        self.synced = True
        resynced = Resynced(received_ns, self._exchange, Channel.BOOK, self.pair, self._last)
        return [resynced, *self._apply_held(received_ns)]

    def _cover(self, depth: Depth) -> None:
        bids, asks = depth.bids, depth.asks
        self._lowest_bid = min(bid[0] for bid in bids) if self._was_cut(bids) else 0.0
        self._highest_ask = max(ask[0] for ask in asks) if self._was_cut(asks) else float("inf")

    def _reapply_kept(self) -> None:
        for diff in self._kept or ():
            if diff.u > self._last:
                self._book.apply(diff.b, diff.a)
                self._last, self._chained = diff.u, True
        self._kept = None

    def _was_cut(self, levels: list[Level]) -> bool:
        return len(levels) >= self._limit or len(levels) in SNAPSHOT_LIMITS

    def _apply_held(self, received_ns: int) -> list[Event]:
        events: list[Event] = []
        while self._held and self.synced:
            diff = self._held.popleft()
            self._counts.buffered -= 1
            events += self._apply(diff, received_ns)
        return events

    def _apply(self, diff: DepthUpdate, received_ns: int) -> list[Event]:
        last, before = self._last, diff.before
        if diff.u <= last:
            self._counts.ignore("a depth update older than the book")
            return []
        if before > last or (self._exact and self._chained and before != last):
            gap = self._gap(received_ns, before, "update ids missing")
            self._held.appendleft(diff)
            self._counts.buffered += 1
            return [gap]
        book = self._book
        book.apply(diff.b, diff.a)
        if book.crossed:
            self._counts.ignore("a depth update that crossed the book")
            return [self._gap(received_ns, before, "the book is crossed")]
        self._last, self._chained = diff.u, True
        self._counts.books += 1
        bids, asks = book.bids.top(self._depth), book.asks.top(self._depth)
        event = Book(received_ns, self._exchange, self.pair, diff.exchange_ns, bids, asks, diff.u)
        if self._kept is not None:
            self._kept.append(diff)
        elif (bids and bids[-1][0] < self._lowest_bid) or (
            asks and asks[-1][0] > self._highest_ask
        ):
            return [self._widen(diff, received_ns), event]
        return [event]

    def _widen(self, diff: DepthUpdate, received_ns: int) -> Stale:
        self._kept = deque([diff], maxlen=MAX_BUFFERED)
        self._want_snapshot()
        self._counts.stale += 1
        return Stale(
            received_ns,
            self._exchange,
            Channel.BOOK,
            self.pair,
            0,
            "the price came to the end of the snapshot; levels beyond it may be missing",
        )

    def _gap(self, received_ns: int, before: int, reason: str) -> Gap:
        self.synced = False
        self._kept = None
        self._want_snapshot()
        self._counts.gaps += 1
        # Spot counts its updates one by one; futures' ids say only which update comes before.
        shift, missing = (0, 0) if self._exact else (1, max(0, before - self._last))
        return Gap(
            received_ns,
            self._exchange,
            Channel.BOOK,
            self.pair,
            str(self._last + shift),
            str(before + shift),
            missing,
            reason,
        )

    def _hold(self, diff: DepthUpdate) -> None:
        self._want_snapshot()  # only now: asked for earlier, it could be older than this diff
        if len(self._held) >= MAX_BUFFERED:
            self._held.popleft()
            self._counts.buffered -= 1
            self._counts.ignore("a depth update pushed out of a full buffer")
        self._held.append(diff)
        self._counts.buffered += 1

    def _want_snapshot(self) -> None:
        if not self._asked:
            self._asked = True
            self._wanted.append(self)

    def ask_again(self) -> None:
        """What was asked for came and could not be read: ask again."""
        self._asked = False
        if not self.synced or self._kept is not None:
            self._want_snapshot()
