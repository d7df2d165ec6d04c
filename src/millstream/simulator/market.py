"""A generated market: seeded, so that the same seed gives the same bytes, on any machine.

Every pair has a book of its own and everything is derived from it, so all frames agree: trades take
volume out of the book, bookTicker tells each change of the best levels, the 100 ms diffs carry each
change of any level, candles are made of the trades.

A "fair" price swings around a slowly wandering anchor, in moods: quiet, usual, trending, bursting.
Makers follow it, takers hit quotes that it left behind. Only + - * / are used on floats: these are
exact to the last bit everywhere, which logarithms and sines are not.
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter
from typing import Protocol

import msgspec

from millstream.errors import ConfigError, UnknownName
from millstream.model import CurrencyPair
from millstream.simulator.book import Ladder
from millstream.simulator.wire import Candle, Instrument, Texts
from millstream.stream.tape import TapeFrame

INSTRUMENTS = (
    Instrument(CurrencyPair("BTC", "USDT"), 61_837.63, price_decimals=2, volume_decimals=5),
    Instrument(CurrencyPair("ETH", "USDT"), 2_683.42, price_decimals=2, volume_decimals=4),
    Instrument(CurrencyPair("SOL", "USDT"), 154.23, price_decimals=2, volume_decimals=3),
)
INTERVALS_MS = {
    "1s": 1_000,
    "1m": 60_000,
    "3m": 180_000,
    "5m": 300_000,
    "15m": 900_000,
    "30m": 1_800_000,
    "1h": 3_600_000,
    "4h": 14_400_000,
    "1d": 86_400_000,
}

_WINDOW_MS = 100  # one depth frame each
_WINDOW_NS = _WINDOW_MS * 1_000_000
_CANDLE_WINDOWS = 5  # a running candle is told each 500 ms
_DEPTH = 300  # levels a side is kept at
_LEVEL_VALUE = 20_000.0  # quote units, about the volume of a level
_GAP = 6e-6  # of the price: about the distance of two levels

# The swing is a damped spring pushed at random: period about 40 s, deviation about 0.25 %.
_PULL = 0.0247
_DAMPING = 0.08
_PUSH = 1.6e-4


class Dice(Protocol):
    """Where chance comes from: a seeded random.Random."""

    def random(self) -> float:
        """A number in [0, 1)."""
        ...


class MarketSettings(msgspec.Struct, frozen=True):
    """What market to make."""

    seconds: float = 60.0  # of market time
    start_ns: int = 1_723_161_600_000_000_000  # 2024-08-09 00:00 UTC: candles begin on it
    candle_interval: str = "1s"
    instruments: tuple[Instrument, ...] = INSTRUMENTS


class Mood(msgspec.Struct, frozen=True):
    """How a pair behaves for a while."""

    actions: float  # in a window, on average
    push: float  # times the usual
    trend: float  # of the price, a second
    seconds: float  # on average


_MOODS = (
    Mood(actions=3, push=0.3, trend=0, seconds=6),
    Mood(actions=10, push=1.0, trend=0, seconds=10),
    Mood(actions=12, push=1.0, trend=+6e-5, seconds=12),
    Mood(actions=12, push=1.0, trend=-6e-5, seconds=12),
    Mood(actions=45, push=2.2, trend=0, seconds=2),
)


class Market:
    """A market of several pairs; `frames` gives it in order of time, once."""

    def __init__(self, dice: Dice, settings: MarketSettings | None = None) -> None:
        settings = settings or MarketSettings()
        if settings.candle_interval not in INTERVALS_MS:
            raise UnknownName(
                f'"{settings.candle_interval}" is not a candle interval of the generated market; '
                f"accepted: {', '.join(INTERVALS_MS)}"
            )
        if settings.start_ns % _WINDOW_NS or settings.start_ns < 0:
            raise ConfigError(f"a market starts on a multiple of {_WINDOW_MS} ms")
        windows = max(1, round(settings.seconds * 1_000 / _WINDOW_MS))
        self.instruments = settings.instruments
        self.first_ns = settings.start_ns
        self.last_ns = settings.start_ns + windows * _WINDOW_NS
        self._pairs = {
            instrument.symbol: _PairMarket(dice, instrument, settings)
            for instrument in settings.instruments
        }

    @property
    def pairs(self) -> tuple[CurrencyPair, ...]:
        """What is traded."""
        return tuple(instrument.pair for instrument in self.instruments)

    @property
    def streams(self) -> tuple[str, ...]:
        """Every stream there is, by the venue's names."""
        return tuple(stream for pair in self._pairs.values() for stream in pair.texts.streams)

    def frames(self) -> Iterator[TapeFrame]:
        """All frames in order of time, made as they are asked for, 100 ms at once."""
        pairs = list(self._pairs.values())
        by_time = attrgetter("ns")
        for start_ns in range(self.first_ns, self.last_ns, _WINDOW_NS):
            window: list[TapeFrame] = []
            for pair in pairs:
                pair.live(start_ns, window)
            window.sort(key=by_time)
            yield from window

    def snapshot(self, symbol: str, limit: int) -> bytes | None:
        """The book as the REST side gives it, at the end of the window being played."""
        pair = self._pairs.get(symbol)
        return pair.snapshot(limit) if pair else None


class _PairMarket:
    """One pair: its book, its mood, its candle."""

    def __init__(self, dice: Dice, instrument: Instrument, settings: MarketSettings) -> None:
        self.texts = Texts(instrument, settings.candle_interval)
        self._random = dice.random
        ticks = 10**instrument.price_decimals
        self._anchor = instrument.price * ticks
        self._start = self._anchor
        self._fair = self._anchor
        self._swing = 0.0  # of the price
        self._speed = 0.0  # of the swing, a second
        self._gap = max(1.0, self._anchor * _GAP)
        self._level_lots = _LEVEL_VALUE / instrument.price * 10**instrument.volume_decimals
        self._mood = _MOODS[1]
        self._mood_windows = 0
        self._update_id = 10_000_000_000 + int(self._random() * 1e9)
        self._told_id = self._update_id  # the last update a depth frame told
        self._trade_id = 1_000_000_000 + int(self._random() * 1e9)
        self._bids = Ladder(+1)
        self._asks = Ladder(-1)
        self._fill(self._bids)
        self._fill(self._asks)
        self._told_top = (0, 0, 0, 0)  # of the last bookTicker: bid, its lots, ask, its lots
        self._interval_ms = INTERVALS_MS[settings.candle_interval]
        self._candle = self._new_candle(settings.start_ns // 1_000_000, round(self._anchor))
        self._candle_told = 0  # how many of its trades a frame told

    def snapshot(self, limit: int) -> bytes:
        return self.texts.snapshot(
            self._told_id, self._bids.levels(limit), self._asks.levels(limit)
        )

    def live(self, start_ns: int, out: list[TapeFrame]) -> None:
        """Live through one window and append its frames."""
        self._drift()
        random, act = self._random, self._act
        actions = int(self._mood.actions * 2 * random() + random())
        step = _WINDOW_NS / (actions or 1)
        for number in range(actions):
            act(start_ns + int((number + random()) * step), out)
        end_ns = start_ns + _WINDOW_NS
        self._tell_depth(end_ns, out)
        self._tell_candle(end_ns, out)

    def _drift(self) -> None:
        """Let 100 ms go by for the fair price."""
        random = self._random
        if self._mood_windows <= 0:
            self._mood = mood = _MOODS[int(random() * len(_MOODS))]
            self._mood_windows = int(mood.seconds * (0.5 + random()) * 10)
        self._mood_windows -= 1
        mood = self._mood
        # The sum of four uniform numbers, scaled to deviation 1, is near enough to a normal one.
        normal = (random() + random() + random() + random() - 2.0) * 1.732
        push = _PUSH * mood.push * normal * 0.316  # the root of 0.1 s
        self._speed += push - (_PULL * self._swing + _DAMPING * self._speed) * 0.1
        self._swing += self._speed * 0.1
        self._anchor += self._start * mood.trend * 0.1 - (self._anchor - self._start) * 0.0005
        self._fair = self._anchor * (1.0 + self._swing)

    def _act(self, ns: int, out: list[TapeFrame]) -> None:
        """One thing that somebody does."""
        random = self._random
        if random() < 0.5:
            side, other = self._bids, self._asks
        else:
            side, other = self._asks, self._bids
        best = side.keys[-1]
        fair = self._fair * side.sign
        chance = random()
        if best >= fair:  # left behind by the fair price: taken, or pulled back
            if chance < 0.6:
                self._take(side, fair, self._some(2.0), ns, out)
            elif len(side.keys) > 20:
                self._update(side, best, 0)
            else:
                return
        elif fair - best > 2 * self._gap:  # far behind the fair price: somebody bids better
            key = int((fair - self._gap * (0.2 + random())) // 1)
            self._add(side, key, other)
        elif chance < 0.33:
            self._take(side, best, self._some(0.4), ns, out)
        elif chance < 0.62:
            self._update(side, best, side.lots[best] + self._some(0.6))
        elif chance < 0.74:
            self._update(side, best, 1 + int(side.lots[best] * random()))
        else:  # below the best: seen in the diffs only
            self._act_below(side, other)
            return
        bids, asks = self._bids, self._asks
        bid, ask = bids.keys[-1], asks.keys[-1]
        top = (bid, bids.lots[bid], -ask, asks.lots[ask])
        if top != self._told_top:
            self._told_top = top
            out.append(TapeFrame(ns, self.texts.book_ticker(self._update_id, *top)))

    def _act_below(self, side: Ladder, other: Ladder) -> None:
        random = self._random
        keys = side.keys
        if len(keys) > _DEPTH + 40 * random() - 20:
            place = int(random() * (len(keys) - 1))
            self._update(side, keys[place], 0)
        else:
            depth = random()
            key = keys[-1] - 1 - int(self._gap * _DEPTH * depth * depth * depth * 2)
            self._add(side, key, other)

    def _take(self, side: Ladder, limit: float, lots: int, ns: int, out: list[TapeFrame]) -> None:
        """A taker's order against `side`, down to the key `limit`."""
        keys, ms, rested = side.keys, ns // 1_000_000, side.sign > 0
        while lots > 0 and keys[-1] >= limit and len(keys) > 20:
            best = keys[-1]
            there = side.lots[best]
            taken = min(lots, there)
            lots -= taken
            self._update(side, best, there - taken)
            self._trade_id += 1
            price = best * side.sign
            self._count(price, taken, rested)
            out.append(TapeFrame(ns, self.texts.trade(ms, self._trade_id, price, taken, rested)))

    def _add(self, side: Ladder, key: int, other: Ladder) -> None:
        """Volume at a level, or as near to it as does not cross the book."""
        key = min(key, -other.keys[-1] - 1)
        self._update(side, key, side.lots.get(key, 0) + self._some(1.0))

    def _update(self, side: Ladder, key: int, lots: int) -> None:
        self._update_id += 1
        side.set(key, lots)

    def _some(self, share: float) -> int:
        """A volume in lots: mostly small, sometimes large."""
        chance = self._random()
        return 1 + int(self._level_lots * share * chance * chance * chance * 4)

    def _fill(self, side: Ladder) -> None:
        fair = self._fair * side.sign
        key = int(fair - self._gap // 2) - 1
        for _ in range(_DEPTH):
            side.set(key, self._some(1.0))
            key -= 1 + int(self._gap * 2 * self._random())
        side.changed.clear()

    def _tell_depth(self, ns: int, out: list[TapeFrame]) -> None:
        if self._update_id == self._told_id:
            return  # the venue, too, is silent when nothing changed
        bids, asks = self._bids.take_changes(), self._asks.take_changes()
        text = self.texts.depth(ns // 1_000_000, self._told_id + 1, self._update_id, bids, asks)
        self._told_id = self._update_id
        out.append(TapeFrame(ns, text))

    # ---- the candle -----------------------------------------------------------------------------

    def _new_candle(self, ms: int, price: int) -> Candle:
        opened = ms - ms % self._interval_ms
        return Candle(opened, opened + self._interval_ms - 1, price, price, price, price)

    def _count(self, price: int, lots: int, buyer_rested: bool) -> None:
        candle = self._candle
        if not candle.trades:
            candle.open = candle.high = candle.low = price
            candle.first_id = self._trade_id
        candle.last_id = self._trade_id
        candle.close = price
        candle.high = max(candle.high, price)
        candle.low = min(candle.low, price)
        candle.trades += 1
        candle.lots += lots
        candle.quote += price * lots
        if not buyer_rested:
            candle.buy_lots += lots
            candle.buy_quote += price * lots

    def _tell_candle(self, ns: int, out: list[TapeFrame]) -> None:
        ms = ns // 1_000_000
        candle = self._candle
        if ms > candle.close_ms:
            out.append(TapeFrame(ns, self.texts.kline(ms, candle, closed=True)))
            self._candle = self._new_candle(ms, candle.close)
            self._candle_told = 0
        elif ms // _WINDOW_MS % _CANDLE_WINDOWS == 0 and candle.trades > self._candle_told:
            self._candle_told = candle.trades
            out.append(TapeFrame(ns, self.texts.kline(ms, candle, closed=False)))
