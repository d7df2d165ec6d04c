"""What a subscriber has missed, told from sequences and beats alone. Pure.

Three ways to lose something: the publisher's queue was full (a hole in a row), the publisher was
started anew (another epoch), nobody was there (no beat). Each becomes an event of the stream.
What a publisher sent before we were there is no loss; what one sent that began after us is.
"""

from __future__ import annotations

from millstream.bus.topics import EVERY_PAIR, Beat, Row
from millstream.model import (
    Channel,
    Connected,
    CurrencyPair,
    Disconnected,
    Exchange,
    Gap,
    Stale,
    StreamEvent,
)

SILENT_NS = 5_000_000_000  # a publisher beats once a second
NOT_CLEAN, GOODBYE = 1006, 1001  # as websockets number the end of a connection


class Sequences:
    """Follows the rows of one publisher."""

    def __init__(
        self,
        exchange: Exchange,
        channel: Channel,
        wanted: frozenset[Row],  # of these pairs; empty: of all
        now_ns: int,
        silent_ns: int = SILENT_NS,
    ) -> None:
        self._exchange, self._channel = exchange, channel
        self._wanted = wanted | {EVERY_PAIR} if wanted else wanted
        self._silent_ns = silent_ns
        self._epoch = 0
        self._next: dict[Row, int] = {}
        self._began_ns = now_ns
        self._in_step = False  # we know this epoch from its start: an unknown row begins at 1
        self._connected = False
        self._told_absent = False
        self._heard_ns = now_ns
        self.attempts = 0
        self.missing = 0  # events known to be lost

    def data(self, row: Row, epoch: int, first: int, count: int, now_ns: int) -> list[StreamEvent]:
        """The events that belong before this piece."""
        told = self._hear(epoch, now_ns)
        expected = self._next.get(row, 1 if self._in_step else first)
        if first > expected:
            told.append(self._gap(row, expected, first, now_ns))
        self._next[row] = max(first + count, expected)
        return told

    def beat(self, beat: Beat, now_ns: int) -> list[StreamEvent]:
        """The events that a beat gives cause for."""
        told = self._hear(beat.epoch, now_ns)
        if not self._connected:
            self._connected = True
            self.attempts += 1
            told.append(Connected(now_ns, self._exchange, self._channel, None, self.attempts))
        for row, last in beat.rows.items():
            if self._wanted and row not in self._wanted:
                continue
            expected = self._next.get(row, 1 if self._in_step else last + 1)
            if last >= expected:
                told.append(self._gap(row, expected, last + 1, now_ns))
            self._next[row] = max(last + 1, expected)
        self._in_step = True
        if beat.leaving:
            told.append(self._left(now_ns, GOODBYE, "the publisher has closed"))
        return told

    def tick(self, now_ns: int) -> list[StreamEvent]:
        """Call now and then: silence has no message of its own."""
        silent_ns = now_ns - self._heard_ns
        if silent_ns < self._silent_ns:
            return []
        if self._connected:
            seconds = silent_ns // 1_000_000_000
            reason = f"the publisher has not been heard of for {seconds} s"
            return [self._left(now_ns, NOT_CLEAN, reason)]
        if self.attempts == 0 and not self._told_absent:
            self._told_absent = True
            reason = f"nobody publishes {self._exchange}.{self._channel}: start its publisher"
            return [Stale(now_ns, self._exchange, self._channel, None, silent_ns, reason)]
        return []

    def _hear(self, epoch: int, now_ns: int) -> list[StreamEvent]:
        self._heard_ns = now_ns
        if epoch == self._epoch:
            return []
        before, self._epoch = self._epoch, epoch
        self._next.clear()
        self._in_step = epoch > self._began_ns  # an epoch is the time when a publisher began
        if not before:
            return []
        reason = "the publisher was started anew; what it sent meanwhile is lost"
        told: list[StreamEvent] = []
        if self._connected:
            told.append(self._left(now_ns, NOT_CLEAN, "the publisher was started anew"))
        told.append(
            Gap(
                now_ns, self._exchange, self._channel, None,
                f"epoch {before}", f"epoch {epoch}", 0, reason,
            )
        )  # fmt: skip
        return told

    def _left(self, now_ns: int, code: int, reason: str) -> Disconnected:
        self._connected = False
        return Disconnected(now_ns, self._exchange, self._channel, None, code, reason)

    def _gap(self, row: Row, expected: int, got: int, now_ns: int) -> Gap:
        missing = got - expected
        self.missing += missing
        symbol = None if row == EVERY_PAIR else CurrencyPair.parse(row)
        return Gap(
            now_ns, self._exchange, self._channel, symbol, str(expected), str(got), missing,
            f"{missing} events were lost on the bus: "
            + ("a queue was full" if expected > 1 else "they were sent before the link was up"),
        )  # fmt: skip
