"""Quotes, trades and bars of one pair: what a TWS frame's fields become. Pure.

Each class takes the fields of its frames and returns their events; it raises ValueError or
IndexError when a field is not what it should be. Numbers are read from the bytes as they came.
"""

from __future__ import annotations

import msgspec

from millstream.exchange.decoding import FrameCounts
from millstream.exchange.ib import times, wire
from millstream.model import Candle, CurrencyPair, Event, Exchange, Side, Ticker, Trade

GREATEST = wire.UNSET_FROM
MOST_TRADES = 2**63 - 1

_IB = Exchange.IB

# Tick types, live and delayed.
_BID_PRICE, _ASK_PRICE = (b"1", b"66"), (b"2", b"67")
_BID_SIZE, _ASK_SIZE = (b"0", b"69"), (b"3", b"70")


def finite(text: bytes) -> float:
    """A number that is one: no nan, no infinity."""
    number = float(text)
    if not -GREATEST < number < GREATEST:
        raise ValueError("not a finite number")
    return number


class PairTicker:
    """The best bid and ask of a pair, from ticks that each change one number.

    A side without a price (TWS writes -1 or 0 with no volume) makes no Ticker until it is back.
    """

    def __init__(self, pair: CurrencyPair, counts: FrameCounts) -> None:
        self._pair, self._counts = pair, counts
        self.restart()

    def restart(self) -> None:
        """A new subscription: TWS sends everything again."""
        self._bid = self._bid_volume = self._ask = self._ask_volume = 0.0
        self._whole = False

    def price(self, fields: list[bytes], now_ns: int) -> list[Event]:
        """Of a tick with price and size."""
        kind, text = fields[3], fields[4]
        bid = kind in _BID_PRICE
        if not bid and kind not in _ASK_PRICE:
            self._counts.ignore("a tick other than bid and ask")
            return []
        price, volume = float(text or b"0"), float(fields[5] or b"0")
        if not (-GREATEST < price < GREATEST and -GREATEST < volume < GREATEST):
            raise ValueError("not a finite number")
        if price == -1.0 and volume == 0.0:
            price = 0.0
        if bid:
            changed = price != self._bid or volume != self._bid_volume
            self._bid, self._bid_volume = price, volume
        else:
            changed = price != self._ask or volume != self._ask_volume
            self._ask, self._ask_volume = price, volume
        return self._tell(changed, 0, now_ns)

    def size(self, fields: list[bytes], now_ns: int) -> list[Event]:
        """Of a tick with a size alone; TWS repeats it after each price."""
        kind = fields[3]
        if kind in _BID_SIZE:
            volume = finite(fields[4] or b"0")
            changed, self._bid_volume = volume != self._bid_volume, volume
        elif kind in _ASK_SIZE:
            volume = finite(fields[4] or b"0")
            changed, self._ask_volume = volume != self._ask_volume, volume
        else:
            self._counts.ignore("a tick other than bid and ask")
            return []
        return self._tell(changed, 0, now_ns)

    def quote(self, fields: list[bytes], now_ns: int) -> list[Event]:
        """Of a tick-by-tick quote: both sides at once."""
        bid, ask, bid_volume, ask_volume = map(finite, fields[4:8])
        self._bid, self._ask = max(bid, 0.0), max(ask, 0.0)
        self._bid_volume, self._ask_volume = bid_volume, ask_volume
        return self._tell(True, times.seconds_ns(fields[3]), now_ns)

    def _tell(self, changed: bool, exchange_ns: int, now_ns: int) -> list[Event]:
        if self._bid == 0.0 or self._ask == 0.0:
            self._counts.ignore("a tick of a market with one side")
            return []
        if not changed:
            self._counts.ignore("a tick that changes nothing")
            return []
        self._counts.tickers += 1
        return [
            Ticker(
                now_ns,
                _IB,
                self._pair,
                exchange_ns,
                self._bid,
                self._bid_volume,
                self._ask,
                self._ask_volume,
            )
        ]


class PairTrades:
    """The trades of a pair.

    TWS numbers no trades and does not say who took. The id is made of the second and a count in it;
    the side is the tick rule's: up is bought, down is sold, the same price as the trade before it.
    """

    def __init__(self, pair: CurrencyPair, counts: FrameCounts) -> None:
        self._pair, self._counts = pair, counts
        self._price, self._side = 0.0, Side.BUY
        self._second, self._count = -1, 0

    def trade(self, fields: list[bytes], now_ns: int) -> list[Event]:
        """Of a tick-by-tick trade."""
        second, price, volume = int(fields[3]), float(fields[4]), float(fields[5])
        if not (0.0 < price < GREATEST and 0.0 <= volume < GREATEST):
            raise ValueError("a trade without a price")
        if not 0 <= second <= times.LAST_SECOND:
            raise ValueError("a time out of range")
        if price != self._price:
            self._side = Side.BUY if price > self._price else Side.SELL
            self._price = price
        self._count = self._count + 1 if second == self._second else 1
        self._second = second
        self._counts.trades += 1
        return [
            Trade(
                now_ns,
                _IB,
                self._pair,
                second * times.SECOND,
                price,
                volume,
                self._side,
                f"{second}-{self._count}",
            )
        ]


class PairCandles:
    """The bars of a pair: those of the answer, then each change of the last one.

    TWS marks no bar as closed: a bar is, when a later one begins. After a reconnect the answer
    holds the bars that were missed; what was closed before is not said again.
    """

    def __init__(
        self, pair: CurrencyPair, counts: FrameCounts, interval: str, seconds: int
    ) -> None:
        self._pair, self._counts = pair, counts
        self._interval, self._length_ns = interval, seconds * times.SECOND
        self._last: Candle | None = None  # the bar that runs

    def bars(self, fields: list[bytes], now_ns: int) -> list[Event]:
        """Of the answer: date, open, high, low, close, volume, average, count of each bar."""
        count = int(fields[4])
        if len(fields) < 5 + 8 * count:
            raise ValueError("fewer bars than announced")
        candles = []
        for start in range(5, 5 + 8 * count, 8):
            date, open_, high, low, close, volume, _, trades = fields[start : start + 8]
            candles.append(self._candle(date, open_, high, low, close, volume, trades, now_ns))
        events = [event for candle in candles for event in self._next(candle)]
        return self._counted(events)

    def update(self, fields: list[bytes], now_ns: int) -> list[Event]:
        """Of a change: count, date, open, close, high, low, average, volume."""
        trades, date, open_, close, high, low, _, volume = fields[2:10]
        candle = self._candle(date, open_, high, low, close, volume, trades, now_ns)
        return self._counted(self._next(candle))

    def _counted(self, events: list[Event]) -> list[Event]:
        if events:
            self._counts.candles += len(events)
            self._counts.further += len(events) - 1
        else:
            self._counts.ignore("a bar that changes nothing")
        return events

    def _next(self, candle: Candle) -> list[Event]:
        last, self._last = self._last, candle
        if last is None or candle.open_ns == last.open_ns:
            same = last is not None and _body(last) == _body(candle)
            return [] if same else [candle]
        if candle.open_ns < last.open_ns:
            self._last = last
            return []
        closed = msgspec.structs.replace(last, received_ns=candle.received_ns, closed=True)
        return [closed, candle]

    def _candle(
        self,
        date: bytes,
        open_: bytes,
        high: bytes,
        low: bytes,
        close: bytes,
        volume: bytes,
        trades: bytes,
        now_ns: int,
    ) -> Candle:
        begin = times.bar_ns(date.decode())
        first, highest, lowest, last = map(finite, (open_, high, low, close))
        if not (lowest <= first <= highest and lowest <= last <= highest and begin >= 0):
            raise ValueError("the low of a bar is not its lowest, or its high not its highest")
        counted = int(trades or b"0")
        if counted > MOST_TRADES:
            raise ValueError("a count of trades out of range")
        return Candle(
            now_ns,
            _IB,
            self._pair,
            0,
            self._interval,
            begin,
            begin + self._length_ns,
            first,
            highest,
            lowest,
            last,
            max(0.0, finite(volume or b"0")),  # -1: none, as of bars of midpoints
            max(0, counted),
            False,
        )


def _body(candle: Candle) -> tuple[float, ...]:
    one = candle
    return (one.open, one.high, one.low, one.close, one.volume, one.trades)
