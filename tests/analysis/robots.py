"""A robot for sessions to analyze: buys, sells, asks for too much, cancels, logs."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from millstream import Robot, Side
from millstream.model import PublishFrame, PublishWhitelist


class Memory(msgspec.Struct):
    tickers: int = 0
    last_order: str = ""
    prices: dict[str, float] = {}


class Told(msgspec.Struct, frozen=True):
    volume: Decimal = Decimal("0.5")


class Steady(Robot):
    State = Memory
    Parameters = Told

    def on_start(self):
        self.every("5s", "beat")

    def on_ticker(self, ticker):
        state = self.state
        state.tickers += 1
        bid = Decimal(repr(ticker.bid_price))
        state.prices["bid"] = ticker.bid_price
        match state.tickers % 10:
            case 2:
                order = self.limit(Side.BUY, bid, self.parameters.volume)
            case 5:
                order = self.at_market(Side.SELL, self.parameters.volume)
            case 7:
                order = self.at_market(Side.BUY, Decimal(1_000))  # beyond every limit
            case 9:
                self.log.warning(f"{state.tickers} tickers seen")
                return self.cancel_all()
            case _:
                return None
        state.last_order = order.order_id
        return order

    def on_frame(self, frame):
        return [
            PublishFrame("BTC/USDT", "5m", "spot", self.now, True, frame.rows),
            PublishWhitelist(("BTC/USDT",)),
        ]

    def on_control(self, control):
        if control.command == "fail":
            raise ValueError("told to fail")
