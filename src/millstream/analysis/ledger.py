"""What each robot holds and what it has earned, from its fills alone."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from millstream.model import CurrencyPair, Exchange, MyTrade


class Account(msgspec.Struct):
    """One robot on one market."""

    robot: str
    exchange: Exchange
    symbol: CurrencyPair
    position: Decimal = Decimal(0)  # base currency; negative: sold more than bought
    cash: Decimal = Decimal(0)  # quote currency, fees in it paid
    bought: Decimal = Decimal(0)  # base currency
    sold: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)  # quote currency
    fills: int = 0

    def result(self, price: Decimal) -> Decimal:
        """What it would have earned, in quote currency, if it closed its position at this price."""
        return self.cash + self.position * price


class Ledger:
    """The accounts of all robots, kept by adding fills."""

    def __init__(self) -> None:
        self._accounts: dict[tuple[str, Exchange, CurrencyPair], Account] = {}

    def add(self, trade: MyTrade) -> None:
        """Book one fill."""
        key = (trade.robot, trade.exchange, trade.symbol)
        account = self._accounts.get(key)
        if account is None:
            account = self._accounts[key] = Account(*key)
        account.position += trade.side.sign * trade.volume
        account.cash -= trade.side.sign * trade.volume * trade.price
        if trade.side.sign > 0:
            account.bought += trade.volume
        else:
            account.sold += trade.volume
        if trade.fee_currency == trade.symbol.quote:
            account.cash -= trade.fee
            account.fees += trade.fee
        elif trade.fee_currency == trade.symbol.base:
            account.position -= trade.fee
            account.fees += trade.fee * trade.price
        account.fills += 1

    def accounts(self) -> list[Account]:
        """Every account, in the order of their first fills."""
        return list(self._accounts.values())

    def of(self, robot: str) -> list[Account]:
        """One robot's accounts."""
        return [account for account in self._accounts.values() if account.robot == robot]

    def result(
        self, robot: str, prices: Mapping[tuple[Exchange, CurrencyPair], Decimal]
    ) -> dict[str, Decimal]:
        """A robot's result by quote currency, its positions valued at `prices`.

        A market with a position and without a price is left out.
        """
        results: dict[str, Decimal] = {}
        for account in self.of(robot):
            price = prices.get((account.exchange, account.symbol))
            if price is None and account.position:
                continue
            worth = account.result(price if price is not None else Decimal(0))
            quote = account.symbol.quote
            results[quote] = results.get(quote, Decimal(0)) + worth
        return results
