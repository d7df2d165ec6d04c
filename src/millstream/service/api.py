"""What a service finds as `self.<exchange>_api`: an account, and its REST calls. Pure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from millstream.errors import ConfigError
from millstream.model import CurrencyPair, Exchange, Side


class RestCalls(Protocol):
    """The way to the venue: `orders.lines.ccxt.calls.CcxtCalls`."""

    def has(self, name: str) -> bool:
        """Whether there is a call of that name."""
        ...

    async def call(self, name: str, *given: Any, **named: Any) -> Any:
        """Make it. Raises CallFailed."""
        ...

    async def close(self) -> None:
        """End the connections."""
        ...


class ExchangeAPI:
    """An account on one exchange: `await api.create_order(...)`, or any call of ccxt by its name.

    Arguments and answers are ccxt's. The four calls below are the usual ones in our own words.
    Each raises CallFailed, whose `refused` tells whether the venue said no for certain.
    What a service sends so is in no order store, and no limit stands before it.

    calls: gives the way to the venue at the first call. Raises ConfigError when there is none.
    """

    def __init__(
        self,
        exchange: Exchange,
        api_key: str,
        api_secret: str,
        api_auth_data: object = None,
        calls: Callable[[], RestCalls] | None = None,
    ) -> None:
        self.exchange = exchange
        self.api_key = api_key
        self.api_secret = api_secret
        self.api_auth_data = api_auth_data
        self._open = calls
        self._calls: RestCalls | None = None

    def __repr__(self) -> str:
        return f"ExchangeAPI({self.exchange}, with{'' if self.api_key else 'out'} a key)"

    async def place_order(
        self,
        pair: CurrencyPair | str,
        side: Side | str,
        volume: object,
        price: object = None,
        **parameters: Any,
    ) -> Any:
        """A limit order, or one at the market when it has no price. volume: in base currency."""
        kind = "market" if price is None else "limit"
        at = None if price is None else float(str(price))
        words = str(side).lower(), float(str(volume)), at
        return await self._rest().call("create_order", _symbol(pair), kind, *words, parameters)

    async def cancel(self, venue_id: str, pair: CurrencyPair | str) -> Any:
        """Cancel an order by the venue's id."""
        return await self._rest().call("cancel_order", venue_id, _symbol(pair))

    async def open_orders(self, pair: CurrencyPair | str | None = None) -> Any:
        """The account's open orders, of one pair or of all."""
        return await self._rest().call("fetch_open_orders", pair and _symbol(pair))

    async def balances(self) -> dict[str, float]:
        """What the account holds, free or in orders, by currency."""
        found = await self._rest().call("fetch_balance")
        return {name: amount for name, amount in found["total"].items() if amount}

    async def close(self) -> None:
        """End the connections; done when the service ends."""
        if self._calls is not None:
            await self._calls.close()
            self._calls = None

    def __getattr__(self, name: str) -> Any:  # not NoReturn: what follows a use is checked too
        if name.startswith("_"):
            raise AttributeError(name)
        rest = self._rest()
        if not rest.has(name):
            raise MissingCall(f"{self.exchange}_api.{name}: there is no such call")

        def call(*given: Any, **named: Any) -> Awaitable[Any]:
            return rest.call(name, *given, **named)

        return call

    def _rest(self) -> RestCalls:
        if self._calls is None:
            if self._open is None:
                raise MissingCall(f"{self.exchange}_api: this object carries credentials only")
            self._calls = self._open()
        return self._calls


class MissingCall(ConfigError, AttributeError):
    """A REST call that there is not."""


def _symbol(pair: CurrencyPair | str) -> str:
    """The pair as ccxt writes it, "BTC/USD"; what ccxt itself wrote stays as it is."""
    text = str(pair)
    return text if ":" in text else str(CurrencyPair.parse(text))
