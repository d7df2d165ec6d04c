"""What follows in order: the trades of a pair by their ids, its candles by their begin. Pure."""

from __future__ import annotations

from millstream.exchange.decoding import FrameCounts, Topic
from millstream.exchange.kraken.wire import Bar, Deal
from millstream.model import Candle, Channel, CurrencyPair, Event, Exchange, Gap, Side, Trade

_KRAKEN, _BUY, _SELL = Exchange.KRAKEN, Side.BUY, Side.SELL
FAR_BACK = 100_000  # no snapshot reaches so far: the venue has begun to count anew
MINUTE_NS = 60_000_000_000


class PairTrades:
    """One pair's trades: each once, in the order of their ids, a hole told before what follows.

    A snapshot, the last 50, repeats what was told before a reconnect, and fills a short hole.
    """

    __slots__ = ("_counts", "expected", "pair", "topic")

    def __init__(self, pair: CurrencyPair, topic: Topic, counts: FrameCounts) -> None:
        self.pair, self.topic, self._counts = pair, topic, counts
        self.expected = -1  # the id that should come; -1: any

    def take(self, deal: Deal, exchange_ns: int, received_ns: int) -> list[Event]:
        """The events of one trade."""
        number, expected, pair = deal.trade_id, self.expected, self.pair
        if expected - FAR_BACK < number < expected:
            return []
        side = _BUY if deal.side == "buy" else _SELL
        trade = Trade(
            received_ns, _KRAKEN, pair, exchange_ns, deal.price, deal.qty, side, str(number)
        )
        self.expected = number + 1
        self._counts.trades += 1
        if number == expected or expected < 0:
            return [trade]
        self._counts.gaps += 1
        missing = max(0, number - expected)
        reason = "trade ids missing" if missing else "trade ids went back"
        told, got = str(expected), str(number)
        return [Gap(received_ns, _KRAKEN, Channel.TRADE, pair, told, got, missing, reason), trade]


class PairCandles:
    """One pair's candles. Kraken does not say when one is closed: when the next one has begun."""

    __slots__ = ("_counts", "_interval", "_last", "_length_ns", "pair", "topic")

    def __init__(
        self, pair: CurrencyPair, topic: Topic, counts: FrameCounts, interval: str, minutes: int
    ) -> None:
        self.pair, self.topic, self._counts = pair, topic, counts
        self._interval, self._length_ns = interval, minutes * MINUTE_NS
        self._last: tuple[int, Bar] | None = None  # the running candle, as it was told last

    def take(self, timed: list[tuple[int, Bar]], exchange_ns: int, received_ns: int) -> list[Event]:
        """The events of some candles with their begin, in whatever order they came."""
        timed.sort(key=lambda one: one[0])
        events: list[Event] = []
        for begin_ns, bar in timed:
            last = self._last
            if last is not None and begin_ns < last[0]:
                continue  # closed and told
            if last is not None and last[0] < begin_ns:
                events.append(self._candle(*last, True, exchange_ns, received_ns))
            self._last = begin_ns, bar
        if timed and self._last is not None and timed[-1][0] == self._last[0]:
            events.append(self._candle(*self._last, False, exchange_ns, received_ns))
        self._counts.candles += len(events)
        return events

    def _candle(
        self, begin_ns: int, bar: Bar, closed: bool, exchange_ns: int, received_ns: int
    ) -> Candle:
        return Candle(
            received_ns,
            _KRAKEN,
            self.pair,
            exchange_ns,
            self._interval,
            begin_ns,
            begin_ns + self._length_ns,
            bar.open,
            bar.high,
            bar.low,
            bar.close,
            bar.volume,
            bar.trades,
            closed,
        )
