"""Binance USD-M's tongue: spot's words, and ids that only `pu` chains."""

from __future__ import annotations

from typing import Any

from tests.exchange.scripted.binance import Binance
from tests.exchange.scripted.market import Change, Deal, PairMarket

APART = 7  # ids are shared by all symbols: those of one are not counted one by one


class BinanceFuture(Binance):
    """As spot."""

    exchange = "binance_future"

    def ticker(self, line: Any, pair: PairMarket) -> bytes:
        time_ms = b',"T":%d,"E":%d}}' % (pair.time_ms, pair.time_ms)
        return super().ticker(line, pair).removesuffix(b"}}") + time_ms

    def trade(self, line: Any, pair: PairMarket, deal: Deal) -> bytes:
        return super().trade(line, pair, deal).replace(b'"M":true', b'"X":"MARKET"')

    def _numbers(self, changes: list[Change]) -> dict[str, int]:
        first, last = changes[0], changes[-1]
        numbers = {"T": last.time_ms, "U": first.number * APART - 3, "u": last.number * APART}
        return numbers | {"pu": (first.number - 1) * APART}

    def _last(self, pair: PairMarket) -> int:
        return pair.number * APART

    def _times(self, pair: PairMarket) -> dict[str, int]:
        return {"E": pair.time_ms, "T": pair.time_ms}
