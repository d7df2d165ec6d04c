"""The text of Binance's spot frames: keys in the venue's order, numbers with eight decimals.

Shapes as recorded from the venue on 2024-08-08; the candle's as recorded on 2021-10-11.
"""

from __future__ import annotations

import msgspec

from millstream.model import CurrencyPair


class Instrument(msgspec.Struct, frozen=True):
    """A pair and the grid that its prices and volumes lie on."""

    pair: CurrencyPair
    price: float  # where the generated market starts
    price_decimals: int  # a tick is one unit of the last of them
    volume_decimals: int  # a lot is one unit of the last of them

    @property
    def symbol(self) -> str:
        """The venue's name: "BTCUSDT"."""
        return self.pair.base + self.pair.quote


class Candle(msgspec.Struct):
    """A candle being filled, in ticks and lots."""

    open_ms: int
    close_ms: int  # the last millisecond of the interval
    open: int
    high: int
    low: int
    close: int
    first_id: int = -1  # -1: no trade yet, as the venue writes it
    last_id: int = -1
    trades: int = 0
    lots: int = 0
    quote: int = 0  # ticks times lots
    buy_lots: int = 0  # what takers bought
    buy_quote: int = 0


class Texts:
    """Writes the frames of one instrument.

    The texts of prices and volumes are kept, since a market names the same levels again and again.
    """

    __slots__ = ("_interval", "_lower", "_prices", "_quote_decimals", "_symbol", "_volumes")

    def __init__(self, instrument: Instrument, interval: str) -> None:
        self._symbol = instrument.symbol
        self._lower = instrument.symbol.lower()
        self._interval = interval
        self._prices = Decimals(instrument.price_decimals)
        self._volumes = Decimals(instrument.volume_decimals)
        self._quote_decimals = instrument.price_decimals + instrument.volume_decimals

    @property
    def streams(self) -> tuple[str, ...]:
        """The streams these frames belong to."""
        kinds = ("bookTicker", "trade", "depth@100ms", f"kline_{self._interval}")
        return tuple(f"{self._lower}@{kind}" for kind in kinds)

    def book_ticker(
        self, update_id: int, bid: int, bid_lots: int, ask: int, ask_lots: int
    ) -> bytes:
        """The best bid and ask: the only frame that carries no time."""
        prices, volumes = self._prices, self._volumes
        return (
            f'{{"stream":"{self._lower}@bookTicker","data":{{"u":{update_id},"s":"{self._symbol}",'
            f'"b":"{prices[bid]}","B":"{volumes[bid_lots]}",'
            f'"a":"{prices[ask]}","A":"{volumes[ask_lots]}"}}}}'
        ).encode()

    def trade(self, ms: int, trade_id: int, price: int, lots: int, buyer_rested: bool) -> bytes:
        """One trade; `buyer_rested`: the taker sold."""
        return (
            f'{{"stream":"{self._lower}@trade","data":{{"e":"trade","E":{ms},"s":"{self._symbol}",'
            f'"t":{trade_id},"p":"{self._prices[price]}","q":"{self._volumes[lots]}",'
            f'"T":{ms},"m":{"true" if buyer_rested else "false"},"M":true}}}}'
        ).encode()

    def depth(
        self,
        ms: int,
        first_id: int,
        last_id: int,
        bids: list[tuple[int, int]],
        asks: list[tuple[int, int]],
    ) -> bytes:
        """The levels that changed since the frame before; a volume of 0 removes the level."""
        return (
            f'{{"stream":"{self._lower}@depth@100ms","data":{{"e":"depthUpdate","E":{ms},'
            f'"s":"{self._symbol}","U":{first_id},"u":{last_id},'
            f'"b":{self._levels(bids)},"a":{self._levels(asks)}}}}}'
        ).encode()

    def kline(self, ms: int, candle: Candle, closed: bool) -> bytes:
        """A candle as it stands."""
        c, prices, volumes = candle, self._prices, self._volumes
        return (
            f'{{"stream":"{self._lower}@kline_{self._interval}","data":{{"e":"kline","E":{ms},'
            f'"s":"{self._symbol}","k":{{"t":{c.open_ms},"T":{c.close_ms},"s":"{self._symbol}",'
            f'"i":"{self._interval}","f":{c.first_id},"L":{c.last_id},'
            f'"o":"{prices[c.open]}","c":"{prices[c.close]}",'
            f'"h":"{prices[c.high]}","l":"{prices[c.low]}",'
            f'"v":"{volumes[c.lots]}","n":{c.trades},"x":{"true" if closed else "false"},'
            f'"q":"{decimal(c.quote, self._quote_decimals)}","V":"{volumes[c.buy_lots]}",'
            f'"Q":"{decimal(c.buy_quote, self._quote_decimals)}","B":"0"}}}}}}'
        ).encode()

    def snapshot(
        self, last_id: int, bids: list[tuple[int, int]], asks: list[tuple[int, int]]
    ) -> bytes:
        """The whole book, as the REST side answers it."""
        return (
            f'{{"lastUpdateId":{last_id},"bids":{self._levels(bids)},"asks":{self._levels(asks)}}}'
        ).encode()

    def _levels(self, levels: list[tuple[int, int]]) -> str:
        prices, volumes = self._prices, self._volumes
        return "[" + ",".join([f'["{prices[p]}","{volumes[v]}"]' for p, v in levels]) + "]"


class Decimals(dict[int, str]):
    """Whole numbers of a smallest unit, as text with eight decimals; texts are made once."""

    def __init__(self, decimals: int) -> None:
        super().__init__()
        self._decimals = decimals

    def __missing__(self, units: int) -> str:
        if len(self) >= 100_000:
            self.clear()
        text = self[units] = decimal(units, self._decimals)
        return text


def decimal(units: int, decimals: int) -> str:
    """A whole number of 10^-decimals as text with eight decimals: decimal(5, 2) = "0.05000000"."""
    whole, part = divmod(units, 10**decimals)
    return f"{whole}.{part:0{decimals}d}".ljust(len(str(whole)) + 9, "0")
