"""A market: where, and what against what."""

from __future__ import annotations

import msgspec

from millstream.errors import UnknownName
from millstream.model import CurrencyPair, Exchange


class Market(msgspec.Struct, frozen=True, array_like=True):
    """A pair on an exchange, written "binance@btc/usdt"."""

    exchange: Exchange
    symbol: CurrencyPair

    @staticmethod
    def parse(text: str) -> Market:
        """The market written as exchange@pair; raises UnknownName."""
        exchange, at, pair = text.partition("@")
        if not at:
            raise UnknownName(f'"{text}" is not a market; write exchange@pair: "binance@btc/usdt"')
        return Market(Exchange.parse(exchange), CurrencyPair.parse(pair))

    def __str__(self) -> str:
        return f"{self.exchange}@{str(self.symbol).lower()}"
