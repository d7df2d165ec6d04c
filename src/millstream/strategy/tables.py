"""The candles of a strategy's pairs: of its own timeframe, and slower ones joined from them."""

from __future__ import annotations

from collections.abc import Sequence

from millstream.frames.columns import decode_rows
from millstream.model import FrameUpdate
from millstream.strategy.provider import DataProvider
from millstream.strategy.ring import COLUMNS, CandleRing
from millstream.strategy.slower import joined


class Tables:
    """Held where the strategy sees them: in the rings of its data provider.

    keep: candles of each, at least. slower: timeframes that the strategy asks for besides.
    """

    def __init__(self, provider: DataProvider, timeframe: str, keep: int) -> None:
        self._provider, self._timeframe, self._keep = provider, timeframe, keep
        self.slower: Sequence[str] = ()

    def of(self, pair: str, timeframe: str) -> CandleRing:
        """The candles of a pair, oldest first."""
        key = (pair, timeframe)
        ring = self._provider.rings.get(key)
        if ring is None:
            ring = self._provider.rings[key] = CandleRing(self._keep, self._keep // 2)
        return ring

    def join(self, pair: str, whole: bool = False) -> None:
        """Build the slower candles; whole: also where older ones are new."""
        own = self.of(pair, self._timeframe)
        for timeframe in self.slower:
            slow = self.of(pair, timeframe)
            since = 0 if whole else slow.last_open_ns
            for open_ns, prices in joined(own, self._timeframe, timeframe, since):
                slow.append(open_ns, prices)

    def take(self, frame: FrameUpdate) -> tuple[bool, int]:
        """Take the candles out of another bot's frame.

        (one of them is new, when the last one opened; 0: there are none in it).
        """
        rows = decode_rows(frame.rows)
        missing = [column for column in ("date", *COLUMNS) if column not in rows.columns]
        if missing:
            self._provider.send_msg(
                f'the frames of "{frame.producer}" have no column {missing[0]}: no candles in them'
            )
            return False, 0
        ring = self.of(frame.pair, frame.timeframe)
        dates = rows["date"].to_numpy("datetime64[ns]").view("i8").tolist()
        prices = rows[list(COLUMNS)].to_numpy(dtype=float).tolist()
        new = False
        for open_ns, row in zip(dates, prices, strict=True):
            new = ring.append(open_ns, row) or new
        if not dates:
            return False, 0
        self.join(frame.pair, whole=frame.replace)
        return new, dates[-1]
