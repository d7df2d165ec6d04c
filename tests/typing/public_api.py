"""What a type checker knows of the public names. Checked by `make types`, not run."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, assert_type

import msgspec

from millstream import (
    CurrencyPair,
    Event,
    Exchange,
    Market,
    MyTrade,
    PlaceOrder,
    Robot,
    ServiceBase,
    Side,
    Ticker,
    decoder,
    every,
    round_down,
)


class Memory(msgspec.Struct):
    seen: int = 0


class Typed(Robot):
    State = Memory
    state: Memory

    def on_ticker(self, ticker: Ticker) -> PlaceOrder | None:
        assert_type(ticker.symbol, CurrencyPair)
        assert_type(ticker.mid_price, float)
        assert_type(self.now, int)
        assert_type(self.state.seen, int)
        assert_type(self.market, Market)
        price = round_down(ticker.bid_price, Decimal("0.01"))
        return self.limit(Side.BUY, price, Decimal(1))

    def on_my_trade(self, trade: MyTrade) -> None:
        assert_type(trade.volume, Decimal)
        assert_type(trade.side.opposite, Side)


def frames(raw: bytes) -> list[Event]:
    feed = decoder(Exchange.BINANCE, [CurrencyPair.BTC_USDT], ["ticker"]).feed
    return assert_type(feed(raw, 0), list[Event])


class Served(ServiceBase):
    async def on_ticker(self, ticker: Ticker) -> None:
        assert_type(ticker.mid_price, float)
        assert_type(self.binance_api.api_key, Any)
        self.run_once(self.task_beat)

    @every("5s")
    def task_beat(self) -> int:
        return 1


assert_type(Served().task_beat(), int)
