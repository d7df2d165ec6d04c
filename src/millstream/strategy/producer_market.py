"""The market in a producer's candles, for a bot that opens no exchange of its own."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from millstream.errors import BadMessage
from millstream.frames.columns import decode_rows
from millstream.model import Channel, CurrencyPair, Event, Exchange, FrameUpdate, Gap, Ticker
from millstream.strategy.played import PastCandle, played
from millstream.strategy.ring import COLUMNS
from millstream.strategy.timeframes import timeframe_to_ns


class ProducerMarket:
    """Trades and quotes of each new candle in one producer's frames, as a folder's are played.

    pairs: by the producer's spelling. What the first frame of a pair holds is the past: of that
    there is only its last quote. Of candles that a frame leaves out there is a Gap.
    """

    def __init__(
        self,
        producer: str,
        exchange: Exchange,
        pairs: Mapping[str, CurrencyPair],
        timeframe: str,
        candle_type: str,
    ) -> None:
        self._producer, self._exchange, self._pairs = producer, exchange, pairs
        self._timeframe, self._candle_type = timeframe, candle_type
        self._length_ns = timeframe_to_ns(timeframe)
        self._last_ns: dict[str, int] = {}

    def events(self, event: Event, received_ns: int) -> list[Event]:
        """What the market did, as far as this event tells; received_ns: of what is answered."""
        if not isinstance(event, FrameUpdate) or event.producer != self._producer:
            return []
        symbol = self._pairs.get(event.pair)
        own = (event.timeframe, event.candle_type) == (self._timeframe, self._candle_type)
        if symbol is None or not own:
            return []
        candles = _candles(event)
        if not candles:
            return []
        known_ns = self._last_ns.get(event.pair)
        self._last_ns[event.pair] = max(candles[-1].open_ns, known_ns or 0)
        new = [] if known_ns is None else [each for each in candles if each.open_ns > known_ns]
        made: list[Event] = []
        before_ns = known_ns
        for candle in new or candles[-1:]:
            missing = (candle.open_ns - before_ns) // self._length_ns - 1 if before_ns else 0
            if missing > 0:
                made.append(self._gap(symbol, before_ns or 0, candle.open_ns, missing, received_ns))
            before_ns = candle.open_ns
            events = played(
                self._exchange, symbol, self._timeframe, self._length_ns, candle, received_ns
            )[:-1]  # the candle itself comes in the frame
            made += events if new else [each for each in events if isinstance(each, Ticker)]
        return made

    def _gap(
        self, symbol: CurrencyPair, before_ns: int, after_ns: int, missing: int, received_ns: int
    ) -> Gap:
        return Gap(
            received_ns, self._exchange, Channel.CANDLE, symbol,
            _date(before_ns + self._length_ns), _date(after_ns), missing,
            f'the frames of producer "{self._producer}" leave these candles out: no trades of them',
        )  # fmt: skip


def _date(ns: int) -> str:
    return f"{np.datetime64(ns // 1_000_000_000, 's')}Z"


def _candles(frame: FrameUpdate) -> list[PastCandle]:
    """The candles in a frame's rows; none where it does not have them: the robot says so."""
    try:
        rows = decode_rows(frame.rows)
    except BadMessage:
        return []
    if any(column not in rows.columns for column in ("date", *COLUMNS)):
        return []
    dates = rows["date"].to_numpy("datetime64[ns]").view("i8").tolist()
    values = rows[list(COLUMNS)].to_numpy(dtype=float).tolist()
    return [PastCandle(date, *row) for date, row in zip(dates, values, strict=True)]
