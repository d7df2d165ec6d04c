"""OKX swaps' frames to events. Pure: bytes and their receive time in, events out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from millstream.exchange.okx.market import MarketDecoder
from millstream.model import Channel, CurrencyPair, Exchange


class OkxSwapDecoder(MarketDecoder):
    """Typed events from the frames of OKX perpetual swaps, volumes in base currency.

    Nothing leaves before the contracts are known: by `feed_snapshot` of what `snapshot_requests`
    asks for, or by contract_values, like {"btc/usdt": "0.01"}.
    Everything else: as spot's.
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
        contract_values: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(
            Exchange.OKX_SWAP,
            pairs,
            channels,
            book_depth=book_depth,
            candle_interval=candle_interval,
            trade_channel=trade_channel,
            book_channel=book_channel,
            contract_values=contract_values,
        )
