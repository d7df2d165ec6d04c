"""What every venue's decoder is: bytes and their receive time in, typed events out. Pure.

A decoder asks for what it cannot get from the stream (a book's REST snapshot) by
`snapshot_requests()`; whoever owns sockets fetches it and gives it back by `feed_snapshot()`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import msgspec

from millstream.model import CurrencyPair, Event, MyOrder, MyOrderBatch, MyTrade
from millstream.stream.topics import Topic

__all__ = [
    "ACKNOWLEDGEMENT",
    "UNREADABLE",
    "Decoder",
    "FrameCounts",
    "Replaceable",
    "Sample",
    "SnapshotRequest",
    "Topic",
    "unreadable_reason",
]

MAX_SAMPLES = 10
MAX_REASONS = 1_000  # different ones: some repeat what a venue says
OTHER_REASONS = "other reasons"
SAMPLE_BYTES = 200
ACKNOWLEDGEMENT = "an acknowledgement"  # why such a frame is ignored


class SnapshotRequest(msgspec.Struct, frozen=True):
    """A REST answer that a decoder wants before it can go on with one pair."""

    pair: CurrencyPair
    path: str  # below the venue's REST host: "/api/v3/depth?symbol=BTCUSDT&limit=5000"


class Sample(msgspec.Struct, frozen=True):
    """A frame that was not understood, cut to its first 200 bytes, and why."""

    reason: str
    detail: str
    raw: bytes


@dataclass(slots=True)
class FrameCounts:
    """Where every frame went: `accounted` equals `frames` at any moment.

    A plain slotted object, since two of its numbers grow with every frame.
    """

    frames: int = 0  # everything fed, snapshots included
    snapshots: int = 0  # REST snapshots that were taken in
    unused_snapshots: int = 0  # REST snapshots that came too early, too late or for nobody
    buffered: int = 0  # held until a snapshot comes; each becomes one of the others later
    ignored: int = 0  # understood and of no use: acknowledgements, updates older than the snapshot
    refused: int = 0  # the venue refused a subscription, or the frame is another venue's
    malformed: int = 0  # not what the venue's documentation allows

    tickers: int = 0
    trades: int = 0
    books: int = 0
    candles: int = 0
    my_orders: int = 0
    my_trades: int = 0
    batches: int = 0
    further: int = 0  # of the above, beyond the first of their frame
    gaps: int = 0
    stale: int = 0
    resynced: int = 0
    refusals: int = 0  # Refused events

    reasons: dict[str, int] = field(default_factory=dict)  # of whatever was of no use
    samples: list[Sample] = field(default_factory=list)  # the first few refused and malformed

    @property
    def produced(self) -> int:
        """Frames that became events of the market or of own orders."""
        return (
            self.tickers
            + self.trades
            + self.books
            + self.candles
            + self.my_orders
            + self.my_trades
            + self.batches
            - self.further
        )

    @property
    def accounted(self) -> int:
        """The sum of all the ways a frame can go."""
        return (
            self.produced
            + self.snapshots
            + self.unused_snapshots
            + self.buffered
            + self.ignored
            + self.refused
            + self.malformed
        )

    @property
    def events(self) -> dict[str, int]:
        """How many events were given out, by the name of their type; no zeros."""
        by_type = {
            "Ticker": self.tickers,
            "Trade": self.trades,
            "Book": self.books,
            "Candle": self.candles,
            "MyOrder": self.my_orders,
            "MyTrade": self.my_trades,
            "MyOrderBatch": self.batches,
            "Gap": self.gaps,
            "Stale": self.stale,
            "Resynced": self.resynced,
            "Refused": self.refusals,
        }
        return {name: count for name, count in by_type.items() if count}

    def own(self, events: Sequence[Event]) -> None:
        """Count the frame of a private channel by what it became; nothing: it told nothing new."""
        orders = sum(isinstance(event, MyOrder) for event in events)
        trades = sum(isinstance(event, MyTrade) for event in events)
        batches = sum(isinstance(event, MyOrderBatch) for event in events)
        self.my_orders += orders
        self.my_trades += trades
        self.batches += batches
        if orders + trades + batches:
            self.further += orders + trades + batches - 1
        else:
            self.ignore("about own orders, and nothing new")

    def ignore(self, reason: str, frames: int = 1) -> None:
        """Count frames that were understood and are of no use."""
        self.ignored += frames
        self._because(reason, frames)

    def pass_over(self, reason: str) -> None:
        """Count a REST snapshot that could not be used."""
        self.unused_snapshots += 1
        self._because(reason)

    def refuse(self, reason: str, detail: str, raw: bytes) -> None:
        """Count a refusal, or a frame that belongs to another venue."""
        self.refused += 1
        self._note(reason, detail, raw)

    def reject(self, reason: str, detail: str, raw: bytes) -> None:
        """Count a malformed frame and keep a sample of the first few."""
        self.malformed += 1
        self._note(reason, detail, raw)

    def _note(self, reason: str, detail: str, raw: bytes) -> None:
        self._because(reason)
        if len(self.samples) < MAX_SAMPLES:
            self.samples.append(Sample(reason, detail, bytes(raw[:SAMPLE_BYTES])))

    def _because(self, reason: str, frames: int = 1) -> None:
        reasons = self.reasons
        if reason not in reasons and len(reasons) >= MAX_REASONS:
            reason = OTHER_REASONS
        reasons[reason] = reasons.get(reason, 0) + frames


UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def unreadable_reason(error: Exception) -> str:
    """One of a few texts for what msgspec raises, so that they can be counted."""
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    if isinstance(error, msgspec.ValidationError):
        return "a field is missing or has an impossible value"
    return "not JSON"


@runtime_checkable
class Decoder(Protocol):
    """One venue's frames to events. Never raises for anything a venue may send."""

    @property
    def counts(self) -> FrameCounts:
        """Where every frame fed so far went."""

    def feed(self, raw: bytes, received_ns: int) -> list[Event]:
        """The events of one frame; an empty list when it has none."""

    def feed_snapshot(self, pair: CurrencyPair, raw: bytes, received_ns: int) -> list[Event]:
        """The events that a REST snapshot of one pair makes possible."""

    def snapshot_requests(self) -> list[SnapshotRequest]:
        """The snapshots wanted since the last call; asking empties the list."""

    def restart(self) -> None:
        """A new connection begins: books must be synced anew, trade numbers go on."""

    def topics(self) -> Sequence[Topic]:
        """Every subscription, pair by channel; of private channels one each, without a pair.

        The decoder sets `last_ns` on data, `acknowledged` when the venue says so, and `refused`
        with a `Refused` event. `restart` clears them.
        """


@runtime_checkable
class Replaceable(Protocol):
    """A decoder whose venue says when a connection will end.

    The stream then opens another one, and closes the old one when the new one has data. What both
    sent comes twice, in order: the decoder drops what its numbers say it has seen.
    """

    wants_replacement: bool  # set by the decoder; cleared by `restart` and `replaced`

    def replaced(self) -> None:
        """The next frame comes from the new connection, instead of `restart`.

        Topics keep what they know.
        """
