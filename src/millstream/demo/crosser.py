"""Buys weakness and sells strength on candles: RSI, Bollinger bands and TEMA.

The rule of the example strategies: enter when the RSI crosses above its lower threshold while the
TEMA is below the middle band and rising; leave when it crosses above the upper one, or in time.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from millstream.demo.indicators import Bollinger, Rsi, Tema
from millstream.model import Action, Candle, MyOrder, MyTrade, OrderStatus, Side, Trade
from millstream.robot import Robot, parse_duration
from millstream.robot.candles import CandleBuilder

_SETTLED = (
    OrderStatus.FILLED,
    OrderStatus.CANCELED,
    OrderStatus.EXPIRED,
    OrderStatus.REJECTED,
)


class CrosserState(msgspec.Struct):
    """What the crosser remembers."""

    rsi: Rsi
    tema: Tema
    bollinger: Bollinger
    builder: CandleBuilder | None = None  # only when it builds its candles from trades
    last_rsi: float | None = None
    last_tema: float | None = None
    position: Decimal = Decimal(0)
    candles_held: int = 0
    order_id: str = ""  # of the order it waits for; "" when it waits for none


class CrosserParameters(msgspec.Struct, frozen=True):
    """What the crosser is told."""

    volume: Decimal  # of each entry, in base currency
    interval: str = "1s"  # the candles it reads
    from_trades: bool = False  # build the candles from trades, where the venue sends none
    buy_rsi: float = 35.0
    sell_rsi: float = 65.0
    rsi_length: int = 14
    band_length: int = 20
    tema_length: int = 9
    most_candles: int = 60  # after which a position is closed, whatever the indicators say

    def __post_init__(self) -> None:
        if not self.volume > 0:
            raise ValueError("volume takes a number above 0")


class Crosser(Robot):
    """Long or flat on its first market, with market orders."""

    State = CrosserState
    Parameters = CrosserParameters
    state: CrosserState
    parameters: CrosserParameters

    def initial_state(self) -> CrosserState:
        """Nothing seen yet; the indicators are as long as the parameters say."""
        told = self.parameters
        builder = CandleBuilder(told.interval, parse_duration(told.interval))
        return CrosserState(
            Rsi(told.rsi_length),
            Tema.over(told.tema_length),
            Bollinger(told.band_length),
            builder if told.from_trades else None,
        )

    def on_candle(self, candle: Candle) -> Action | None:
        """Decide at each candle that closed."""
        if not candle.closed or candle.interval != self.parameters.interval:
            return None
        return self._decide(candle)

    def on_trade(self, trade: Trade) -> Action | None:
        """Build candles, if that is how it gets them."""
        if self.state.builder is None:
            return None
        closed = self.state.builder.add(trade)
        return None if closed is None else self._decide(closed)

    def on_my_order(self, order: MyOrder) -> None:
        """Wait no longer for an order that has come to its end."""
        if order.order_id == self.state.order_id and order.status in _SETTLED:
            self.state.order_id = ""

    def on_my_trade(self, trade: MyTrade) -> None:
        """Count what was bought and sold."""
        self.state.position += trade.side.sign * trade.volume
        self.log.info(
            f"{trade.side} {trade.volume} at {trade.price}: position {self.state.position}"
        )

    def _decide(self, candle: Candle) -> Action | None:
        state, told = self.state, self.parameters
        rsi = state.rsi.update(candle.close)
        tema = state.tema.update(candle.close)
        bands = state.bollinger.update((candle.high + candle.low + candle.close) / 3)
        last_rsi, state.last_rsi = state.last_rsi, rsi
        last_tema, state.last_tema = state.last_tema, tema
        if state.position:
            state.candles_held += 1
        if rsi is None or last_rsi is None or tema is None or last_tema is None or bands is None:
            return None
        if state.order_id:
            return None
        middle, _ = bands
        crossed = last_rsi <= told.buy_rsi < rsi
        if not state.position and crossed and tema <= middle and tema > last_tema:
            return self._order(Side.BUY, told.volume)
        crossed = last_rsi <= told.sell_rsi < rsi
        if state.position > 0 and (crossed or state.candles_held >= told.most_candles):
            return self._order(Side.SELL, state.position)
        return None

    def _order(self, side: Side, volume: Decimal) -> Action:
        order = self.at_market(side, volume)
        self.state.order_id = order.order_id
        self.state.candles_held = 0
        return order
