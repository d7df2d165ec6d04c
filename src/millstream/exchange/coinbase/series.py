"""What follows in order: the trades of a pair by their ids, its candles by their begin. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from millstream.exchange.coinbase.wire import INTERVAL, INTERVAL_NS, Bar
from millstream.exchange.decoding import FrameCounts, Topic
from millstream.model import Candle, Channel, CurrencyPair, Event, Exchange, Gap, Side, Trade

_COINBASE = Exchange.COINBASE
FAR_BACK = 100_000  # no snapshot reaches so far: the venue has begun to count anew


class PairTrades:
    """One pair's trades: each once, in the order of their ids, a hole told before what follows.

    A snapshot repeats what was told before a reconnect, and fills a short hole.
    """

    __slots__ = ("_counts", "expected", "pair", "topic")

    def __init__(self, pair: CurrencyPair, topic: Topic, counts: FrameCounts) -> None:
        self.pair, self.topic, self._counts = pair, topic, counts
        self.expected = -1  # the id that should come; -1: any

    def take(
        self,
        events: list[Event],
        number: int,
        price: float,
        volume: float,
        side: Side,
        exchange_ns: int,
        received_ns: int,
    ) -> None:
        """Add the events of one trade; `side` is the taker's."""
        self.topic.last_ns = received_ns
        self.topic.updates += 1
        expected = self.expected
        if number != expected and expected >= 0:
            if expected - FAR_BACK < number < expected:
                return
            events.append(self.missing(number, received_ns))
        self.expected = number + 1
        self._counts.trades += 1
        events.append(
            Trade(received_ns, _COINBASE, self.pair, exchange_ns, price, volume, side, str(number))
        )

    def missing(self, number: int, received_ns: int) -> Gap:
        """The hole between the id that was expected and this one."""
        self._counts.gaps += 1
        missing = max(0, number - self.expected)
        reason = "trade ids missing" if missing else "trade ids went back"
        expected, got = str(self.expected), str(number)
        channel, pair = Channel.TRADE, self.pair
        return Gap(received_ns, _COINBASE, channel, pair, expected, got, missing, reason)


class PairCandles:
    """One pair's candles. Coinbase does not say when one is closed: when the next one has begun."""

    __slots__ = ("_counts", "_last", "pair", "topic")

    def __init__(self, pair: CurrencyPair, topic: Topic, counts: FrameCounts) -> None:
        self.pair, self.topic, self._counts = pair, topic, counts
        self._last: Bar | None = None  # the running candle, as it was told last

    def take(self, bars: Iterable[Bar], exchange_ns: int, received_ns: int) -> list[Event]:
        """The events of some candles, in whatever order they came."""
        events: list[Event] = []
        for bar in sorted(bars, key=lambda one: one.start):
            last = self._last
            if last is not None and bar.start < last.start:
                continue  # closed and told
            if last is not None and last.start < bar.start:
                events.append(self._candle(last, True, exchange_ns, received_ns))
            self._last = bar
        if self._last is not None:
            events.append(self._candle(self._last, False, exchange_ns, received_ns))
        self._counts.candles += len(events)
        return events

    def _candle(self, bar: Bar, closed: bool, exchange_ns: int, received_ns: int) -> Candle:
        open_ns = bar.start * 1_000_000_000
        return Candle(
            received_ns,
            _COINBASE,
            self.pair,
            exchange_ns,
            INTERVAL,
            open_ns,
            open_ns + INTERVAL_NS,
            bar.open,
            bar.high,
            bar.low,
            bar.close,
            bar.volume,
            0,  # it does not count the trades
            closed,
        )
