"""A client of ccxt for a venue, as orders need it: at another place, in order, in doubt by 5xx."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, Final

import ccxt.async_support as library

from millstream.orders.lines.ccxt.kraken_future import latest_orders
from millstream.orders.lines.keys import Keys
from millstream.orders.lines.venues import VenueFacts

__all__ = ["before_sending", "make_client"]

# Called when a request has had its turn, and is about to leave; what it raises keeps it here.
before_sending: ContextVar[Callable[[], object]] = ContextVar("before_sending", default=bool)

_MOST_PAGES: Final = 40
_LOG_ROWS: Final = 500
_OPTIONS: Final = {
    "warnOnFetchOpenOrdersWithoutSymbol": False,
    "adjustForTimeDifference": True,
    "createMarketBuyOrderRequiresPrice": False,
    "fetchCurrencies": False,
}


def make_client(
    facts: VenueFacts, keys: Keys, url: str, sandbox: bool, timeout_s: float, paced: bool
) -> Any:
    """The library's client for a venue, which takes no answer of 500 and above for one."""
    # Its own log of requests has keys and signatures in it.
    logging.getLogger("ccxt.base.exchange").setLevel(logging.WARNING)
    kind = getattr(library, facts.library_name)

    def handle_errors(self: Any, code: int, reason: str, *rest: Any) -> Any:
        if code >= 500:
            raise library.ExchangeNotAvailable(f"the venue answered {code} {reason}")
        return kind.handle_errors(self, code, reason, *rest)

    async def fetch(self: Any, *given: Any, **named: Any) -> Any:
        before_sending.get()()
        return await kind.fetch(self, *given, **named)

    changed: dict[str, Any] = {"handle_errors": handle_errors, "fetch": fetch}
    if facts.growing_nonce:
        changed |= _in_their_order(kind)
    if facts.tells_events:
        changed |= {"fetch_closed_orders": _from_events}
    if facts.fees_in_log:
        changed |= {"account_log": _account_log}
    made = type(kind.__name__, (kind,), changed)(
        {
            "apiKey": keys.key,
            "secret": keys.secret,
            "password": keys.passphrase,
            "timeout": int(timeout_s * 1000),
            "enableRateLimit": paced,
            "options": dict(_OPTIONS),
        }
    )
    if kind is library.coinbase:
        # What is held in orders, too; its default asks the wallet's own API instead.
        made.options["fetchBalance"] = "v3PrivateGetBrokerageAccounts"
    made.has["fetchCurrencies"] = False  # it would ask for more than trading needs
    if sandbox:
        made.set_sandbox_mode(True)
    if url:
        made.urls["api"] = _elsewhere(made.urls["api"], url.rstrip("/"))
        made.hostname = url.partition("//")[2]
    return made


async def _from_events(
    self: Any, symbol: str, since: int, limit: int, params: Mapping[str, Any]
) -> Any:
    """Orders of a symbol, ended or not, by their last event."""
    elements: list[Any] = []
    asked = {"since": since, **params}
    for _ in range(_MOST_PAGES):
        told = await self.historyGetOrders(asked)
        elements += told["elements"]
        token = told.get("continuationToken")
        if not token:
            return self.parse_orders(latest_orders(elements), self.market(symbol))
        asked["continuation_token"] = token
    raise library.ExchangeError(f"its history has more than {len(elements)} events")


async def _account_log(self: Any, since: int) -> list[Any]:
    """The rows of the account's log since then, the oldest first."""
    rows: list[Any] = []
    asked: dict[str, Any] = {"since": since, "sort": "asc", "count": _LOG_ROWS}
    for _ in range(_MOST_PAGES):
        page = (await self.historyGetAccountLog(asked))["logs"]
        rows += page
        if len(page) < _LOG_ROWS:
            break
        asked["from"] = int(page[-1]["id"]) + 1
    return rows


def _in_their_order(kind: Any) -> dict[str, Any]:
    """Methods of a client whose requests arrive one after the other, each with a higher number."""
    turn, last = asyncio.Lock(), 0

    def nonce(self: Any) -> int:
        nonlocal last
        # By our clock alone, as the private stream's: the venue's own tells whole seconds.
        last = max(last + 1, int(self.milliseconds()))
        return last

    async def fetch2(self: Any, *given: Any, **named: Any) -> Any:
        async with turn:  # signed and sent before the next one is signed
            return await kind.fetch2(self, *given, **named)

    return {"nonce": nonce, "fetch2": fetch2}


def _elsewhere(urls: Any, url: str) -> Any:
    """The same addresses on another host."""
    if isinstance(urls, dict):
        return {name: _elsewhere(one, url) for name, one in urls.items()}
    _, _, path = str(urls).partition("//")
    _, slash, rest = path.partition("/")
    return f"{url}{slash}{rest}"
