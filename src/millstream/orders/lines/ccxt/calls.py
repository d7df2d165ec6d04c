"""Calls of a service to a venue's REST by ccxt, in the service's own loop."""

from __future__ import annotations

import inspect
from typing import Any

from millstream.errors import CallFailed, ConfigError
from millstream.model import Exchange
from millstream.orders.lines.ccxt.client import make_client
from millstream.orders.lines.ccxt.failures import definite, sentence
from millstream.orders.lines.keys import Keys
from millstream.orders.lines.venues import FACTS

__all__ = ["CcxtCalls"]


class CcxtCalls:
    """The unified methods of ccxt for one account. Nothing is opened before the first call.

    Raises ConfigError for a venue that is not traded by REST.
    """

    def __init__(
        self, exchange: Exchange, keys: Keys, *, url: str = "", sandbox: bool = False
    ) -> None:
        if exchange not in FACTS or not FACTS[exchange].library_name:
            raise ConfigError(f"{exchange}_api: there are no REST calls to {exchange}")
        self._exchange = exchange
        self._client = make_client(
            FACTS[exchange], keys, url, sandbox, timeout_s=10.0, paced=not url
        )
        self._is_open = False

    def has(self, name: str) -> bool:
        """Whether there is a call of that name."""
        if name.startswith(("_", "watch", "un_watch", "load_", "close", "fetch2", "request")):
            return False
        return inspect.iscoroutinefunction(getattr(self._client, name, None))

    async def call(self, name: str, *given: Any, **named: Any) -> Any:
        """Make it; the answer is ccxt's. Raises CallFailed."""
        try:
            if not self._is_open:
                await self._client.load_markets()
                self._is_open = True
            return await getattr(self._client, name)(*given, **named)
        except Exception as error:
            where = f"{self._exchange}_api.{name}"
            raise CallFailed(f"{where}: {sentence(error)}", definite(error)) from None

    async def close(self) -> None:
        """End the connections."""
        await self._client.close()
