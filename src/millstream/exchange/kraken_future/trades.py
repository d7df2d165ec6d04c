"""A pair's trades by their numbers: each once, in order, a hole told before what follows. Pure."""

from __future__ import annotations

from millstream.exchange.decoding import FrameCounts, Topic
from millstream.exchange.kraken_future import wire
from millstream.model import Channel, CurrencyPair, Event, Exchange, Gap, Side, Trade

_KRAKEN_FUTURE, _BUY, _SELL = Exchange.KRAKEN_FUTURE, Side.BUY, Side.SELL
OF_THE_MARKET = frozenset(("fill", "liquidation"))  # others have a number and are no trade there
FAR_BACK = 100_000  # no snapshot reaches so far: the venue has begun to count anew


class PairTrades:
    """One pair's trades. A snapshot repeats some of them, and fills a short hole."""

    __slots__ = ("_counts", "expected", "pair", "topic")

    def __init__(self, pair: CurrencyPair, topic: Topic, counts: FrameCounts) -> None:
        self.pair, self.topic, self._counts = pair, topic, counts
        self.expected = -1  # the number that should come; -1: any

    def take(self, told: wire.Trade, received_ns: int) -> list[Event]:
        """The events of one trade."""
        number, expected, pair = told.seq, self.expected, self.pair
        if expected - FAR_BACK < number < expected:
            return []
        self.expected = number + 1
        events: list[Event] = []
        if number != expected and expected >= 0:
            self._counts.gaps += 1
            missing = max(0, number - expected)
            reason = "trade numbers missing" if missing else "trade numbers went back"
            numbers = str(expected), str(number)
            events.append(
                Gap(received_ns, _KRAKEN_FUTURE, Channel.TRADE, pair, *numbers, missing, reason)
            )
        if told.type in OF_THE_MARKET:
            self._counts.trades += 1
            side = _BUY if told.side == "buy" else _SELL
            events.append(
                Trade(
                    received_ns,
                    _KRAKEN_FUTURE,
                    pair,
                    told.time * 1_000_000,
                    told.price,
                    told.qty,
                    side,
                    told.uid or str(number),
                )
            )
        return events
