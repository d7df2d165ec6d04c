"""Robots for the tests of this room."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from millstream import Robot, Side


class Memory(msgspec.Struct):
    tickers: int = 0
    heard: list[str] = []


class Told(msgspec.Struct, frozen=True):
    volume: Decimal = Decimal(1)


class Echo(Robot):
    """Buys at each ticker, at its bid; says what it hears of it."""

    State = Memory
    Parameters = Told

    def on_start(self):
        self.every("5s", "beat")

    def on_ticker(self, ticker):
        self.state.tickers += 1
        return self.limit(Side.BUY, Decimal(repr(ticker.bid_price)), self.parameters.volume)

    def on_my_order(self, order):
        self.state.heard.append(str(order.status))

    def on_my_trade(self, trade):
        self.log.info(f"bought {trade.volume} at {trade.price}, fee {trade.fee}")

    def on_timer(self, timer):
        self.log.debug(f"{timer.name} at {self.now}")

    def on_candle(self, candle):
        self.log.info(f"{candle.interval} {candle.open_ns} {candle.close_ns} {candle.closed}")

    def on_history(self, history):
        self.log.info(f"{history.open_ns} {history.open} {history.close}")

    def on_gap(self, gap):
        return self.cancel_all()

    def on_control(self, control):
        if control.command == "fail":
            raise ValueError("told to fail")


class Stubborn(Robot):
    """Answers each refusal with the same order."""

    def on_ticker(self, ticker):
        return self.at_market(Side.BUY, Decimal(1))

    def on_my_order(self, order):
        if order.reason:
            return self.at_market(Side.BUY, Decimal(1))
        return None


class Forgetful(Robot):
    """Keeps what it counts where no replay begins anew."""

    State = Memory
    seen = 0

    def on_ticker(self, ticker):
        type(self).seen += 1
        self.state.tickers = type(self).seen
