"""What robots have gained or lost since the store began, and how far below their best they are.

Pure. In quote currency, one sum for each quote; a fee in another currency than the pair's two is
left out, for nobody here knows its price.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final, TypeAlias

from millstream.model import CurrencyPair, Exchange, MyTrade

__all__ = ["Equity"]

_NOTHING: Final = Decimal(0)
_Market: TypeAlias = tuple[Exchange, CurrencyPair]


class Equity:
    """Cash and positions by robot; `robot` None is all of them together."""

    def __init__(self, best: Mapping[tuple[str | None, str], Decimal] | None = None) -> None:
        """best: of an earlier life, by robot and quote currency."""
        self.best = dict(best or {})
        self._cash: dict[tuple[str | None, str], Decimal] = {}
        self._positions: dict[tuple[str | None, _Market], Decimal] = {}
        self._prices: dict[_Market, Decimal] = {}

    def book(self, trade: MyTrade) -> None:
        """Count one fill; its price is the pair's until a newer one is known."""
        market = trade.exchange, trade.symbol
        base, quote = trade.symbol.base, trade.symbol.quote
        sign = trade.side.sign
        volume, cash = trade.volume * sign, -trade.price * trade.volume * sign
        if trade.fee_currency == quote:
            cash -= trade.fee
        elif trade.fee_currency == base:
            volume -= trade.fee
        self._prices[market] = trade.price
        for robot in (trade.robot, None):
            self._cash[robot, quote] = self._cash.get((robot, quote), _NOTHING) + cash
            key = robot, market
            self._positions[key] = self._positions.get(key, _NOTHING) + volume
            self.drawdown(robot, quote)  # a best that a restart finds again in the store

    @property
    def markets(self) -> set[_Market]:
        """Where anybody has traded."""
        return {market for _, market in self._positions}

    def mark(self, exchange: Exchange, symbol: CurrencyPair, price: Decimal) -> None:
        """The pair's price now."""
        self._prices[exchange, symbol] = price

    def drawdown(self, robot: str | None, quote: str) -> Decimal:
        """How far below its best the robot is now, in this currency; 0 at its best.

        The best of its fills, and of the moments at which this was asked: at each wish.
        """
        worth = self._cash.get((robot, quote), _NOTHING)
        for (owner, market), volume in self._positions.items():
            if owner == robot and market[1].quote == quote:
                worth += volume * self._prices[market]
        best = max(self.best.get((robot, quote), _NOTHING), worth)
        self.best[robot, quote] = best
        return best - worth
