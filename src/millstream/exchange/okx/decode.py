"""OKX spot's frames to events. Pure: bytes and their receive time in, events out."""

from __future__ import annotations

from collections.abc import Iterable

from millstream.exchange.okx.market import MarketDecoder
from millstream.model import Channel, CurrencyPair, Exchange


class OkxDecoder(MarketDecoder):
    """Typed events from the frames of OKX spot.

    pairs, channels: what was subscribed; frames of other subscriptions are counted as ignored.
    book_depth: levels on each side of a `Book`.
    candle_interval: "1s", "1m", ... "1w"; from 6h on they begin at 00:00 UTC.
    trade_channel: "trades", or "trades-all" for each trade on its own.
    book_channel: "books" (400 levels), "books5", "bbo-tbt", "books50-l2-tbt", "books-l2-tbt".
    """

    def __init__(
        self,
        pairs: Iterable[CurrencyPair],
        channels: Iterable[Channel],
        *,
        book_depth: int = 20,
        candle_interval: str = "1m",
        trade_channel: str = "trades",
        book_channel: str = "books",
    ) -> None:
        super().__init__(
            Exchange.OKX,
            pairs,
            channels,
            book_depth=book_depth,
            candle_interval=candle_interval,
            trade_channel=trade_channel,
            book_channel=book_channel,
            contract_values=None,
        )
