"""Questions to Binance about orders, fills and what an account holds."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from millstream.model import CurrencyPair, MyOrder
from millstream.orders.lines.answers import SeenFill
from millstream.orders.lines.binance.rest import BinanceRest, NoAnswer, Refused
from millstream.orders.lines.binance.words import Words, balances_of, fill_of, order_of, symbol_of

__all__ = ["Inquiry"]

_PAGE: Final = 1_000
_MOST_PAGES: Final = 50


class Inquiry:
    """Questions that belong together, and which of them failed."""

    def __init__(self, rest: BinanceRest, pairs: Mapping[str, CurrencyPair]) -> None:
        self.failures: list[str] = []
        self._rest, self._pairs = rest, pairs

    def open(self) -> list[MyOrder]:
        """Every open order of the account."""
        return self._orders(self._try("/api/v3/openOrders", {}) or [])

    def order(self, order: MyOrder) -> list[MyOrder]:
        """One order by the venue's id."""
        named = {"symbol": symbol_of(order.symbol), "orderId": order.venue_id}
        found = self._try("/api/v3/order", named)
        return self._orders([found] if found else [])

    def all_orders(self, pair: CurrencyPair, since_ms: int) -> list[MyOrder]:
        """A pair's orders, open or ended."""
        return self._orders(self._pages("/api/v3/allOrders", pair, since_ms, "orderId", "orderId"))

    def fills(self, pair: CurrencyPair, since_ms: int) -> list[SeenFill]:
        """The own fills of a pair."""
        pages = self._pages("/api/v3/myTrades", pair, since_ms, "id", "fromId")
        return [fill_of(one, pair) for one in pages]

    def holdings(self) -> dict[str, Decimal] | None:
        """What the account holds."""
        found = self._try("/api/v3/account", {})
        return None if found is None else balances_of(found)

    def _pages(
        self, path: str, pair: CurrencyPair, since_ms: int, has: str, next_: str
    ) -> list[Words]:
        """Everything since then, a page after the other by the venue's growing numbers."""
        given = {"symbol": symbol_of(pair), "limit": str(_PAGE)}
        found: list[Words] = []
        page = self._try(path, given | {"startTime": str(since_ms)}) or []
        for _ in range(_MOST_PAGES):
            found += page
            if len(page) < _PAGE:
                return found
            page = self._try(path, given | {next_: str(int(page[-1][has]) + 1)}) or []
        self.failures.append(f"{path} {pair}: more than {len(found)}, the rest was not asked")
        return found

    def _orders(self, listed: Sequence[Words]) -> list[MyOrder]:
        now_ns = time.time_ns()
        seen = (order_of(words, self._pairs, now_ns) for words in listed)
        return [one for one in seen if one is not None]

    def _try(self, path: str, given: Mapping[str, str]) -> Any:
        try:
            return self._rest.ask("GET", path, given)
        except Refused as error:
            if error.refusal.is_not_found:
                return None  # an answer: and no proof, before the grace is over
            self.failures.append(f"{path}: {error}")
        except NoAnswer as error:
            self.failures.append(f"{path}: {error}")
        return None
