from decimal import Decimal

import msgspec

from millstream import PlaceOrder, Robot, Side, Ticker, round_down


class Memory(msgspec.Struct):
    high: float = 0.0
    asked: bool = False


class Dipper(Robot):
    """Buys once, when the price has fallen a tenth of a percent from its high."""

    State = Memory

    def on_ticker(self, ticker: Ticker) -> PlaceOrder | None:
        self.state.high = max(self.state.high, ticker.bid_price)
        if self.state.asked or ticker.ask_price > self.state.high * 0.999:
            return None
        self.state.asked = True
        price = round_down(ticker.ask_price, Decimal("0.01"))
        return self.limit(Side.BUY, price, Decimal("0.001"))
